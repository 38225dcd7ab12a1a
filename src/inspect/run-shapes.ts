/** Gets actual shapes of a model's values from one run on zeros in a child process. */
import { locate, modelOfShapes } from "../calibration/augment.js";
import { modelLabel, ScratchModels } from "../calibration/scratch-models.js";
import { unfeedable } from "../data/index.js";
import { EdgecError } from "../errors.js";
import {
  byteSize,
  DataType,
  dataTypeName,
  type Feed,
  type Model,
  type TensorValue,
  type ValueInfo,
  fedInputs,
} from "../ir/index.js";
import type { TypeMap } from "../ops/shapes.js";
import { openRemote } from "../runtime/index.js";
import { shapeText } from "./input-shapes.js";
import { option } from "../option-names.js";

/** Shapes by value name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Most bytes of all inputs together. */
const MAX_BYTES = 2 ** 30;
/** An endless loop must not block an inspection. */
const TIME_LIMIT_MS = 120_000;

/**
 * Runs the model once with a Shape after every value of its main graph, so that no value is kept. Values
 * inside bodies and functions are not measured. Throws EdgecError BAD_OPTION when an input's size is open or
 * too large, RUNTIME_MISSING, and MODEL_REJECTED or RUNTIME_CRASHED for a model that does not run on zeros.
 */
export async function runShapes(model: Model): Promise<Shapes> {
  const feed = zeros(fedInputs(model));
  const { computed } = locate(
    model.graph,
    model.graph.nodes.flatMap((node) => node.outputs),
  );
  if (computed.length === 0) return new Map();
  const scratch = await ScratchModels.create();
  const runtime = await openRemote().catch(async (error: unknown) => {
    await scratch.remove();
    throw error;
  });
  const timer = setTimeout(() => void runtime.close(), TIME_LIMIT_MS);
  try {
    const shaped = modelOfShapes(model, computed);
    const label = modelLabel(model);
    const path = scratch.write(shaped.model);
    const session = await runtime.open(path, { label });
    const found = await runtime.onMadeUpInputs(path, label, () => session.run(feed, shaped.outputs));
    return new Map(
      computed.flatMap((name, k) => {
        const shape = found[shaped.outputs[k] ?? ""]?.data;
        return shape instanceof BigInt64Array ? [[name, Array.from(shape, Number)] as const] : [];
      }),
    );
  } finally {
    clearTimeout(timer);
    await runtime.close();
    await scratch.remove();
  }
}

function zeros(inputs: readonly ValueInfo[]): Feed {
  const obstacle = unfeedable(inputs);
  if (obstacle !== undefined)
    throw new EdgecError("BAD_OPTION", `${option("run")}: ${obstacle}. Leave ${option("run")} out.`);
  let bytes = 0;
  return Object.fromEntries(
    inputs.map(({ name, type }) => {
      const tensor = type?.tensor;
      const open = tensor?.shape?.find((dim) => typeof dim !== "number" || dim < 0);
      if (!tensor?.shape || open !== undefined || tensor.shape.includes(undefined)) {
        const shape = option("shapes", { [name]: "…" });
        const help = typeof open === "string" ? `${option("dims", { [open]: 1 })}, or ${shape}` : shape;
        throw new EdgecError(
          "BAD_OPTION",
          `${option("run")} needs all sizes of input "${name}", which is declared ${shapeText(tensor)}. ` +
            `Set them with ${help}`,
        );
      }
      const dims = tensor.shape as number[];
      const count = dims.reduce((all, dim) => all * dim, 1);
      bytes += byteSize(tensor.elementType, count) ?? 8 * count;
      if (!(bytes <= MAX_BYTES))
        throw new EdgecError(
          "BAD_OPTION",
          `${option("run")}: the inputs take more than 1 GiB with "${name}" [${dims.join(", ")}]. Give ` +
            `smaller sizes with ${option("shapes")} or ${option("dims")}.`,
        );
      return [name, { dataType: tensor.elementType, dims, data: zeroArray(name, tensor.elementType, count) }];
    }),
  );
}

function zeroArray(name: string, type: number, count: number): TensorValue["data"] {
  switch (type) {
    case DataType.FLOAT:
      return new Float32Array(count);
    case DataType.DOUBLE:
      return new Float64Array(count);
    case DataType.FLOAT16:
    case DataType.BFLOAT16:
    case DataType.UINT16:
      return new Uint16Array(count);
    case DataType.INT16:
      return new Int16Array(count);
    case DataType.INT8:
      return new Int8Array(count);
    case DataType.UINT8:
    case DataType.BOOL:
      return new Uint8Array(count);
    case DataType.INT32:
      return new Int32Array(count);
    case DataType.UINT32:
      return new Uint32Array(count);
    case DataType.INT64:
      return new BigInt64Array(count);
    case DataType.UINT64:
      return new BigUint64Array(count);
    case DataType.STRING:
      return new Array<string>(count).fill("");
    default:
      throw new EdgecError(
        "BAD_OPTION",
        `${option("run")}: input "${name}" of type ${dataTypeName(type)} cannot be filled with zeros. ` +
          `Leave ${option("run")} out.`,
      );
  }
}

/**
 * Declares measured shapes in `model`, in place, so that inference continues from them into bodies and
 * functions.
 */
export function mergeShapes(model: Model, types: TypeMap, measured: Shapes): void {
  if (measured.size === 0) return;
  model.graph.valueInfo = model.graph.valueInfo.filter(({ name }) => !measured.has(name));
  for (const [name, shape] of measured) {
    const elementType = types.get(name)?.elementType;
    if (elementType !== undefined)
      model.graph.valueInfo.push({ name, type: { tensor: { elementType, shape: [...shape] } } });
  }
}
