/** Models of many small constants of a few shapes: pruned, of few values, narrow, or of no form but the dense. */
import {
  attribute,
  DataType,
  floatTensor,
  floatToHalf,
  makeNode,
  tensorValue,
  type Model,
  type Tensor,
} from "../../../src/ir/index.js";
import { prunedValues, seeded, tinyModel } from "./tiny-models.js";

/** Values of a kind, as `prunedValues` makes them: a share of zeros, and the number of values (0: all differ). */
export interface Kind {
  readonly sparsity: number;
  readonly levels: number;
  /** Rounds to whole numbers, which int8 holds. */
  readonly areWhole?: boolean;
}

export const PRUNED: Kind = { sparsity: 0.6, levels: 0 };
export const CLUSTERED: Kind = { sparsity: 0, levels: 16 };

/** Constants named after `name`, each with values of its own. */
export function tensorsOf(
  name: string,
  count: number,
  dims: readonly number[],
  { sparsity, levels, areWhole = false }: Kind,
  dataType: DataType = DataType.FLOAT,
  seed = 1,
): Tensor[] {
  const size = dims.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, k) => {
    const values = prunedValues(size, sparsity, levels, 1000 * seed + k + 1);
    const scaled = areWhole || dataType !== DataType.FLOAT ? values.map((v) => Math.round(100 * v)) : values;
    return { ...typed(dataType, dims, scaled), name: `${name}${k}` };
  });
}

function typed(dataType: DataType, dims: readonly number[], values: Float32Array): Tensor {
  if (dataType === DataType.FLOAT) return floatTensor("", dims, values);
  const raw =
    dataType === DataType.FLOAT16
      ? Uint16Array.from(values, floatToHalf)
      : dataType === DataType.INT8
        ? Int8Array.from(values)
        : Uint8Array.from(values, (value) => value + 100);
  return { name: "", dims: [...dims], dataType, raw: new Uint8Array(raw.buffer) };
}

/** y0, y1, … for each element type and shape after the first axis: its constants, one below the other, and a row x. */
export function manyTensorsModel(tensors: readonly Tensor[], opset: number): Model {
  const alike = new Map<string, Tensor[]>();
  for (const tensor of tensors) {
    const key = [tensor.dataType, ...tensor.dims.slice(1)].join();
    alike.set(key, [...(alike.get(key) ?? []), tensor]);
  }
  const groups = [...alike.values()];
  const shape = (group: readonly Tensor[], rows: number): number[] => [rows, ...group[0]!.dims.slice(1)];
  const rowsOf = (group: readonly Tensor[]): number =>
    group.reduce((sum, { dims }) => sum + (dims[0] ?? 1), 0);
  return tinyModel(opset, {
    inputs: groups.map((group, k) => tensorValue(`x${k}`, group[0]!.dataType, shape(group, 1))),
    outputs: groups.map((group, k) =>
      tensorValue(`y${k}`, group[0]!.dataType, shape(group, rowsOf(group) + 1)),
    ),
    nodes: groups.map((group, k) =>
      makeNode(
        "Concat",
        [...group.map(({ name = "" }) => name), `x${k}`],
        [`y${k}`],
        [attribute.int("axis", 0)],
      ),
    ),
    initializers: [...tensors],
  });
}

const SHAPES = [[16, 16], [8, 4, 3, 3], [257], [5, 61], [12, 1, 5, 5]] as const;
const TYPES = [DataType.FLOAT, DataType.FLOAT, DataType.FLOAT16, DataType.INT8, DataType.UINT8];

/** Two to four kinds of constants, some in numbers that make groups, some not, in mixed order. */
export function randomTensors(seed: number): Tensor[] {
  const random = seeded(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const lists = Array.from({ length: 2 + Math.floor(3 * random()) }, (_, k) => {
    const kind = {
      sparsity: pick([0, 0, 0.4, 0.8, 0.97]),
      levels: pick([0, 2, 5, 16, 40]),
      areWhole: random() < 0.2,
    };
    return tensorsOf(`w${k}_`, pick([3, 31, 32, 50, 90]), pick(SHAPES), kind, pick(TYPES), seed + k);
  });
  const order = lists.flat().map((tensor) => ({ tensor, at: random() }));
  return order.sort((a, b) => a.at - b.at).map(({ tensor }) => tensor);
}
