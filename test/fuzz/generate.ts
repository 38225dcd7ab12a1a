/** A random small model from a seed, with a feed that it runs on. */
import {
  DataType,
  floatToHalf,
  tensorValue,
  type Feed,
  type Model,
  type TensorValue,
} from "../../src/ir/index.js";
import { irVersionFor } from "../../src/ops/upgrade/upgrade-opset.js";
import { bodyLayers } from "./bodies.js";
import { count, GraphBuilder, type Setting, type Value } from "./graph-builder.js";
import { WEIGHTED_LAYERS } from "./layers.js";
import { PATTERN_LAYERS } from "./pattern-layers.js";
import { Random } from "../support/random.js";
import { SHAPE_LAYERS } from "./shape-layers.js";

export interface Generated {
  readonly model: Model;
  readonly feed: Feed;
  /** Every float value of the main graph, for those who take the model apart. */
  readonly values: readonly Value[];
  /** Further feeds for calibration. */
  readonly feeds: readonly Feed[];
}

const OLDEST_OPSET = 7;
const NEWEST_OPSET = 26;

export function generateModel(seed: number): Generated {
  const random = new Random(seed);
  const opset = random.chance(0.4) ? random.within(OLDEST_OPSET, 12) : random.within(13, NEWEST_OPSET);
  const listsConstants = random.chance(0.2);
  const irVersion = listsConstants && random.chance(0.7) ? 3n : BigInt(irVersionFor(opset));
  const setting: Setting = {
    random,
    opset,
    irVersion,
    float: random.chance(0.12) ? DataType.FLOAT16 : DataType.FLOAT,
    taken: new Set([""]),
    oddNames: random.chance(0.3),
  };
  const b = new GraphBuilder(setting);
  const inputs = Array.from({ length: random.pick([1, 1, 1, 2]) }, () => addInput(b));
  grow(b);
  const outputs = [...chooseOutputs(b, inputs), ...oddOutputs(b)];
  const model = finish(b, inputs, outputs, listsConstants);
  return {
    model,
    feed: feedFor(inputs, random, 0),
    values: b.values,
    feeds: [1, 2, 3].map((round) => feedFor(inputs, random, round)),
  };
}

interface Input extends Value {
  readonly declared: readonly (number | string | undefined)[] | undefined;
}

function addInput(b: GraphBuilder): Input {
  const { random } = b;
  const n = random.chance(0.04) ? 0 : random.pick([1, 1, 2, 3]);
  const dims = random.pick([
    [n, random.pick([1, 3, 4]), 8, 8],
    [n, 4, 6, 6],
    [n, random.pick([4, 8, 16])],
    [n, 4, 6],
  ]);
  const declared = random.chance(0.5)
    ? dims
    : dims.map((dim, axis) =>
        axis === 0 ? random.pick(["N", undefined]) : axis > 1 && random.chance(0.2) ? `d${axis}` : dim,
      );
  const value: Input = { name: b.name("x"), dims, type: b.setting.float, declared };
  b.values.push(value);
  return value;
}

function grow(b: GraphBuilder): void {
  const { random } = b;
  const plain = [...WEIGHTED_LAYERS, ...WEIGHTED_LAYERS, ...SHAPE_LAYERS, ...PATTERN_LAYERS];
  const layers = [...plain, ...bodyLayers(plain)];
  for (let k = random.within(3, 14); k > 0; k--) {
    const x = b.anyValue((value) => count(value.dims) <= 20_000);
    // A layer that does not fit the value is drawn again.
    for (let tries = 4; x && tries > 0; tries--) if (random.pick(layers)(b, x)) break;
  }
}

/**
 * The newest value and perhaps others; never an input itself, which no graph may hand out, nor "__proto__",
 * which onnxruntime's JavaScript API loses.
 */
function chooseOutputs(b: GraphBuilder, inputs: readonly Input[]): Value[] {
  const made = b.values.filter(
    (value) => value.name !== "__proto__" && !inputs.some((input) => input.name === value.name),
  );
  const last = made.at(-1) ?? b.add("Identity", [inputs[0]!.name], inputs[0]!.dims);
  const others = made.filter((value) => value !== last && b.random.chance(0.15));
  return [...new Map([last, ...others].map((value) => [value.name, value])).values()];
}

/** Sometimes an output of whole numbers or of truth values, which rounding does not change. */
function oddOutputs(b: GraphBuilder): Value[] {
  const x = b.random.chance(0.15)
    ? b.anyValue((value) => value.dims.length > 0 && value.type === DataType.FLOAT)
    : undefined;
  if (!x) return [];
  if (b.opset < 9 || b.random.chance(0.5))
    return [b.add("Shape", [x.name], [x.dims.length], [], DataType.INT64)];
  return [b.add("Greater", [x.name, b.scalar("far", 1e30)], x.dims, [], DataType.BOOL)];
}

function finish(
  b: GraphBuilder,
  inputs: readonly Input[],
  outputs: readonly Value[],
  listsConstants: boolean,
): Model {
  const { random } = b;
  const { irVersion } = b.setting;
  const graph = b.graph("g");
  graph.inputs = inputs.map(({ name, type, declared }) => tensorValue(name, type, declared));
  graph.outputs = outputs.map(({ name, type, dims }) =>
    tensorValue(name, type, random.chance(0.5) ? dims.map(() => undefined) : undefined),
  );
  graph.valueInfo = random.chance(0.3)
    ? declarations(
        b,
        graph.outputs.map(({ name }) => name),
      )
    : [];
  if (listsConstants || irVersion < 4n)
    graph.inputs.push(
      ...graph.initializers
        .filter(() => irVersion < 4n || random.chance(0.3))
        .map(({ name = "", dataType, dims }) => tensorValue(name, dataType, dims)),
    );
  return {
    irVersion,
    opsetImports: [{ domain: random.pick(["", "ai.onnx"]), version: BigInt(b.opset) }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph,
  };
}

/** The types of some values between, as exporters write them. */
function declarations(b: GraphBuilder, interfaceNames: readonly string[]): Model["graph"]["valueInfo"] {
  const made = new Set(b.nodes.flatMap((node) => node.outputs));
  const some = b.values.filter(
    ({ name }) => made.has(name) && !interfaceNames.includes(name) && b.random.chance(0.5),
  );
  return some.map(({ name, type, dims }) =>
    tensorValue(
      name,
      type,
      dims.map(() => undefined),
    ),
  );
}

function feedFor(inputs: readonly Input[], random: Random, round: number): Feed {
  return Object.fromEntries(
    inputs.map(({ name, type, dims }) => [
      name,
      valueOf(type, dims, random.floats(count(dims), 1 + 0.2 * round)),
    ]),
  );
}

export function valueOf(type: number, dims: readonly number[], values: Float32Array): TensorValue {
  return {
    dataType: type,
    dims,
    data: type === DataType.FLOAT16 ? Uint16Array.from(values, floatToHalf) : values,
  };
}
