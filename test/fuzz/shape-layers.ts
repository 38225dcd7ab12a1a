/**
 * Layers without weights: activations, pools, and what moves values about, each in the form of its operator
 * set.
 */
import { attribute, DataType, int64Tensor } from "../../src/ir/index.js";
import { count, type GraphBuilder, type Value } from "./graph-builder.js";
import type { Layer } from "./layers.js";

const { int, ints, float, string } = attribute;

export function activation(b: GraphBuilder, x: Value): Value {
  const { random, opset } = b;
  const kind = random.pick([
    "Relu",
    "Relu",
    "Sigmoid",
    "Tanh",
    "LeakyRelu",
    "Clip",
    "Elu",
    "HardSigmoid",
    "Softplus",
    "Neg",
    "Abs",
    ...(opset >= 14 ? ["HardSwish"] : []),
    ...(opset >= 20 ? ["Gelu"] : []),
  ]);
  if (kind !== "Clip")
    return b.add(
      kind,
      [x.name],
      x.dims,
      kind === "LeakyRelu" && random.chance(0.5) ? [float("alpha", 0.2)] : [],
    );
  if (opset < 11) return b.add("Clip", [x.name], x.dims, [float("min", 0), float("max", 6)]);
  return b.add(
    "Clip",
    [
      x.name,
      random.chance(0.3) ? "" : b.scalar("min", -0.5),
      ...(random.chance(0.3) ? [] : [b.scalar("max", 6)]),
    ],
    x.dims,
  );
}

/** x · sigmoid(x), and PRelu with a slope for each channel or one for all. */
function compound(b: GraphBuilder, x: Value): Value {
  if (b.random.chance(0.5)) return b.add("Mul", [x.name, b.add("Sigmoid", [x.name], x.dims).name], x.dims);
  return b.add(
    "PRelu",
    [x.name, b.floats("slope", b.random.pick([[1], [x.dims[1] ?? 1, ...x.dims.slice(2).map(() => 1)]]), 0.3)],
    x.dims,
  );
}

function pool(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0, channels = 0, height = 0, width = 0] = x.dims;
  if (x.dims.length !== 4 || Math.min(height, width) < 2) return undefined;
  const kind = b.random.pick(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"]);
  if (kind.startsWith("Global")) return b.add(kind, [x.name], [n, channels, 1, 1]);
  const attributes = [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])];
  const dims = [n, channels, Math.floor(height / 2), Math.floor(width / 2)];
  if (kind === "AveragePool" || b.opset < 8 || b.random.chance(0.7))
    return b.add(kind, [x.name], dims, attributes);
  const names = [b.name("pooled"), b.name("indices")];
  b.node("MaxPool", [x.name], names, attributes);
  b.values.push({ name: names[0]!, dims, type: b.setting.float });
  return b.values.at(-1);
}

function flatten(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length < 2 || count(x.dims.slice(1)) > 600) return undefined;
  return b.add(
    "Flatten",
    [x.name],
    [x.dims[0] ?? 1, count(x.dims.slice(1))],
    b.random.chance(0.5) ? [int("axis", 1)] : [],
  );
}

/** To rows, by a constant shape or by one computed from the value's own. */
function reshape(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0] = x.dims;
  const size = count(x.dims);
  if (x.dims.length < 2 || size === 0 || size / n > 600) return undefined;
  const dims = [n, size / n];
  if (b.random.chance(0.5))
    return b.add("Reshape", [x.name, b.int64s("shape", [b.random.chance(0.3) ? 0 : -1, size / n])], dims);
  const shape = b.add("Shape", [x.name], [x.dims.length], [], DataType.INT64);
  const first = b.add("Gather", [shape.name, b.int64s("at", [0])], [1], [int("axis", 0)], DataType.INT64);
  const whole = b.add("Concat", [first.name, b.int64s("rest", [-1])], [2], [int("axis", 0)], DataType.INT64);
  return b.add("Reshape", [x.name, whole.name], dims);
}

function transpose(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length < 2) return undefined;
  const axes = x.dims.map((_, k) => k);
  const order = b.random.chance(0.2) ? axes : b.random.shuffled(axes);
  return b.add(
    "Transpose",
    [x.name],
    order.map((k) => x.dims[k]!),
    [ints("perm", order)],
  );
}

/** An axis of one, put in and perhaps taken out again. */
function unsqueeze(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length > 3) return undefined;
  const axis = b.random.below(x.dims.length + 1);
  const asInput = b.opset >= 13;
  const axes = (): string[] => (asInput ? [b.int64s("axes", [axis])] : []);
  const attributes = asInput ? [] : [ints("axes", [axis])];
  const out = b.add(
    "Unsqueeze",
    [x.name, ...axes()],
    [...x.dims.slice(0, axis), 1, ...x.dims.slice(axis)],
    attributes,
  );
  return b.random.chance(0.5) ? b.add("Squeeze", [out.name, ...axes()], x.dims, attributes) : out;
}

function reduce(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length < 2 || count(x.dims) === 0) return undefined;
  const kind = b.random.pick(["ReduceMean", "ReduceSum", "ReduceMax"]);
  const axis = x.dims.length - 1;
  const keep = b.random.chance(0.6);
  const asInput = b.opset >= (kind === "ReduceSum" ? 13 : 18);
  const dims = keep ? [...x.dims.slice(0, axis), 1] : x.dims.slice(0, axis);
  return b.add(kind, [x.name, ...(asInput ? [b.int64s("axes", [axis])] : [])], dims, [
    ...(asInput ? [] : [ints("axes", [axis])]),
    int("keepdims", Number(keep)),
  ]);
}

function softmax(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length < 2 || count(x.dims) === 0) return undefined;
  return b.add(
    "Softmax",
    [x.name],
    x.dims,
    b.random.chance(0.6) ? [int("axis", b.random.pick([1, x.dims.length - 1]))] : [],
  );
}

function pad(b: GraphBuilder, x: Value): Value | undefined {
  if (x.dims.length !== 4) return undefined;
  const amount = b.random.pick([0, 1]);
  const pads = [0, 0, amount, 0, 0, 0, 0, amount];
  const [n = 0, channels = 0, height = 0, width = 0] = x.dims;
  const dims = [n, channels, height + amount, width + amount];
  if (b.opset < 11) return b.add("Pad", [x.name], dims, [ints("pads", pads), string("mode", "constant")]);
  return b.add(
    "Pad",
    [x.name, b.int64s("pads", pads), ...(b.random.chance(0.5) ? [b.scalar("zero", 0)] : [])],
    dims,
  );
}

function slice(b: GraphBuilder, x: Value): Value | undefined {
  const axis = x.dims.length - 1;
  const length = x.dims[axis] ?? 0;
  if (axis < 0 || length < 2) return undefined;
  const dims = [...x.dims.slice(0, axis), length - 1];
  if (b.opset < 10)
    return b.add("Slice", [x.name], dims, [
      ints("axes", [axis]),
      ints("starts", [1]),
      ints("ends", [length]),
    ]);
  return b.add(
    "Slice",
    [x.name, b.int64s("starts", [1]), b.int64s("ends", [2 ** 31]), b.int64s("axes", [axis])],
    dims,
  );
}

/** Two or three parts, of which some are never used. */
function split(b: GraphBuilder, x: Value): Value | undefined {
  const axis = b.random.below(x.dims.length);
  const length = x.dims[axis] ?? 0;
  if (length < 2) return undefined;
  const parts = [1, length - 1];
  const names = parts.map(() => b.name("part"));
  b.node("Split", [x.name, ...(b.opset >= 13 ? [b.int64s("split", parts)] : [])], names, [
    int("axis", axis),
    ...(b.opset < 13 ? [ints("split", parts)] : []),
  ]);
  const values = names.map((name, k) => ({
    name,
    dims: x.dims.map((dim, at) => (at === axis ? parts[k]! : dim)),
    type: b.setting.float,
  }));
  const kept = b.random.chance(0.5) ? values : [b.random.pick(values)];
  b.values.push(...kept);
  return kept.at(-1);
}

function resize(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0, channels = 0, height = 0, width = 0] = x.dims;
  if (x.dims.length !== 4 || height > 6 || b.setting.float !== DataType.FLOAT) return undefined;
  const dims = [n, channels, height * 2, width * 2];
  const scales = (): string =>
    b.constant("scales", { dims: [4], dataType: DataType.FLOAT, typed: { float: [1, 1, 2, 2] } }, false);
  if (b.opset < 9)
    return b.add("Upsample", [x.name], dims, [
      attribute.floats("scales", [1, 1, 2, 2]),
      string("mode", "nearest"),
    ]);
  if (b.opset < 11)
    return b.add(b.opset === 9 ? "Upsample" : "Resize", [x.name, scales()], dims, [
      string("mode", "nearest"),
    ]);
  const roi =
    b.opset < 13 || b.random.chance(0.3)
      ? b.constant("roi", { dims: [0], dataType: DataType.FLOAT, raw: new Uint8Array(0) }, false)
      : "";
  return b.add("Resize", [x.name, roi, scales()], dims, [
    string("mode", "nearest"),
    string("nearest_mode", "floor"),
    string("coordinate_transformation_mode", "asymmetric"),
  ]);
}

/** Nodes that hand on what they get. */
export function nothing(b: GraphBuilder, x: Value): Value {
  const kind = b.random.pick([
    "Identity",
    "Identity",
    "Dropout",
    "Cast",
    "Concat",
    "Sum",
    "Max",
    "Mean",
    "Expand",
  ]);
  switch (kind) {
    case "Cast":
      return b.add("Cast", [x.name], x.dims, [int("to", x.type)]);
    case "Concat":
      return b.add("Concat", [x.name], x.dims, [int("axis", 0)]);
    case "Expand":
      return b.opset < 8
        ? b.add("Identity", [x.name], x.dims)
        : b.add("Expand", [x.name, b.int64s("shape", [1])], x.dims.length === 0 ? [1] : x.dims);
    case "Dropout": {
      const names = [b.name("kept"), b.name("mask")].slice(0, b.random.pick([1, 2]));
      b.node(
        "Dropout",
        [x.name, ...(b.opset >= 12 && b.random.chance(0.5) ? [b.scalar("ratio", 0.5)] : [])],
        names,
      );
      b.values.push({ ...x, name: names[0]! });
      return b.values.at(-1)!;
    }
    default:
      return b.add(kind, [x.name], x.dims);
  }
}

/** A constant step: for each channel, for all, or in a shape that broadcasts. */
export function affine(b: GraphBuilder, x: Value): Value {
  const kind = b.random.pick(["Mul", "Add", "Sub", "Div"]);
  const perChannel = x.dims.length >= 2 ? [x.dims[1] ?? 1, ...x.dims.slice(2).map(() => 1)] : [1];
  const dims = b.random.pick([perChannel, perChannel, perChannel, [], [1], x.dims.slice(-1)]);
  const operand = kind === "Div" ? b.positives("d", dims) : b.floats("s", dims);
  const shape = x.dims.length === 0 ? (dims.length > 0 ? dims : []) : x.dims;
  return b.add(kind, kind === "Div" ? [x.name, operand] : b.random.shuffled([x.name, operand]), shape);
}

/** Two values of one shape put together, or one that is joined to itself. */
function residual(b: GraphBuilder, x: Value): Value | undefined {
  const other = b.anyValue((value) => value.dims.join() === x.dims.join() && value.type === x.type) ?? x;
  const kind = b.random.pick(["Add", "Add", "Mul", "Sub", "Concat", "Concat", "Max"]);
  if (kind !== "Concat") return b.add(kind, [x.name, other.name], x.dims);
  if (x.dims.length === 0) return undefined;
  const axis = Math.min(1, x.dims.length - 1);
  const empty = b.random.chance(0.15);
  const third = empty
    ? [
        b.constant(
          "empty",
          b.floatTensor(
            x.dims.map((dim, k) => (k === axis ? 0 : dim)),
            new Float32Array(0),
          ),
          false,
        ),
      ]
    : [];
  return b.add(
    "Concat",
    [x.name, other.name, ...third],
    x.dims.map((dim, k) => (k === axis ? dim * 2 : dim)),
    [int("axis", axis)],
  );
}

/** A chain over constants alone, which may be folded. */
function constantChain(b: GraphBuilder, x: Value): Value | undefined {
  const last = x.dims.at(-1);
  if (last === undefined || last === 0) return undefined;
  const stored = b.floats("k", [last, 1]);
  const shape = b.constant("flat", int64Tensor("", [last]), false);
  const flat = b.add("Reshape", [stored, shape], [last]);
  const doubled = b.add("Add", [flat.name, flat.name], [last]);
  return b.add("Add", [x.name, doubled.name], x.dims);
}

export const SHAPE_LAYERS: readonly Layer[] = [
  activation,
  activation,
  activation,
  compound,
  pool,
  flatten,
  flatten,
  reshape,
  transpose,
  unsqueeze,
  reduce,
  softmax,
  pad,
  slice,
  split,
  resize,
  nothing,
  nothing,
  affine,
  affine,
  affine,
  residual,
  residual,
  residual,
  constantChain,
];
