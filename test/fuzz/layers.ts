/**
 * Layers with weights, on images [n, channels, height, width], sequences [n, length, features] and rows [n,
 * features].
 */
import { attribute, type Attribute } from "../../src/ir/index.js";
import type { GraphBuilder, Value } from "./graph-builder.js";
import { activation, affine, nothing } from "./shape-layers.js";

/** Adds nodes that go on from `x`; undefined where they do not fit it. */
export type Layer = (b: GraphBuilder, x: Value) => Value | undefined;

const { int, ints, float, string } = attribute;

function isImage(x: Value): boolean {
  return x.dims.length === 4;
}

function conv(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0, channels = 0, height = 0, width = 0] = x.dims;
  if (!isImage(x) || channels === 0 || Math.min(height, width) < 3) return undefined;
  const { random } = b;
  const kernel = random.pick([1, 3]);
  const stride = random.pick([1, 1, 2]);
  const pad = kernel === 3 && random.chance(0.6) ? 1 : 0;
  const depthwise = random.chance(0.25);
  const group = depthwise ? channels : 1;
  const out = depthwise ? channels * random.pick([1, 2]) : random.pick([2, 4, 8, 16, 32]);
  const size = (dim: number): number => Math.floor((dim + 2 * pad - kernel) / stride) + 1;
  const attributes: Attribute[] = [
    ints("kernel_shape", [kernel, kernel]),
    ints("strides", [stride, stride]),
    ints("pads", [pad, pad, pad, pad]),
  ];
  if (group > 1 || random.chance(0.3)) attributes.push(int("group", group));
  const weight = b.floats(
    "w",
    [out, channels / group, kernel, kernel],
    1.5 / Math.sqrt((channels / group) * kernel * kernel),
  );
  const bias = random.chance(0.5) ? [b.floats("b", [out], 0.2)] : random.chance(0.2) ? [""] : [];
  return b.add("Conv", [x.name, weight, ...bias], [n, out, size(height), size(width)], attributes);
}

function convTranspose(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0, channels = 0, height = 0, width = 0] = x.dims;
  if (!isImage(x) || channels === 0 || height * width === 0 || height > 8) return undefined;
  const out = b.random.pick([2, 4]);
  const weight = b.floats("w", [channels, out, 2, 2], 1 / Math.sqrt(channels));
  return b.add(
    "ConvTranspose",
    [x.name, weight, b.floats("b", [out], 0.1)],
    [n, out, height * 2, width * 2],
    [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])],
  );
}

function gemm(b: GraphBuilder, x: Value): Value | undefined {
  const [n = 0, features = 0] = x.dims;
  if (x.dims.length !== 2 || features === 0) return undefined;
  const { random } = b;
  const out = random.pick([3, 4, 8, 32, 64]);
  const transposed = random.chance(0.5);
  const weight = b.floats("w", transposed ? [out, features] : [features, out], 1.5 / Math.sqrt(features));
  const bias =
    b.opset >= 11 && random.chance(0.2) ? [] : [b.floats("c", random.pick([[out], [1, out], [1], []]), 0.2)];
  const attributes = [
    ...(transposed || random.chance(0.3) ? [int("transB", Number(transposed))] : []),
    ...(random.chance(0.2) ? [float("alpha", 0.5), float("beta", 2)] : []),
  ];
  return b.add("Gemm", [x.name, weight, ...bias], [n, out], attributes);
}

function matMul(b: GraphBuilder, x: Value): Value | undefined {
  const features = x.dims.at(-1) ?? 0;
  if (x.dims.length < 2 || features === 0) return undefined;
  const { random } = b;
  const out = random.pick([3, 4, 8, 32, 64]);
  const scale = 1.5 / Math.sqrt(features);
  const viaTranspose = random.chance(0.2);
  const stored = b.floats("w", viaTranspose ? [out, features] : [features, out], scale);
  const weight = viaTranspose
    ? b.add("Transpose", [stored], [features, out], random.chance(0.5) ? [ints("perm", [1, 0])] : []).name
    : stored;
  const product = b.add("MatMul", [x.name, weight], [...x.dims.slice(0, -1), out]);
  return random.chance(0.5)
    ? b.add("Add", random.shuffled([product.name, b.floats("b", [out], 0.2)]), product.dims)
    : product;
}

function batchNormalization(b: GraphBuilder, x: Value): Value | undefined {
  const channels = x.dims[1] ?? 0;
  if (x.dims.length < 2 || channels === 0) return undefined;
  const parameters = [
    b.positives("scale", [channels]),
    b.floats("beta", [channels], 0.2),
    b.floats("mean", [channels], 0.2),
    b.positives("var", [channels]),
  ];
  return b.add(
    "BatchNormalization",
    [x.name, ...parameters],
    x.dims,
    b.random.chance(0.5) ? [float("epsilon", 1e-3)] : [],
  );
}

function instanceNormalization(b: GraphBuilder, x: Value): Value | undefined {
  const channels = x.dims[1] ?? 0;
  if (!isImage(x) || channels === 0 || (x.dims[2] ?? 0) * (x.dims[3] ?? 0) < 4) return undefined;
  return b.add(
    "InstanceNormalization",
    [x.name, b.positives("scale", [channels]), b.floats("b", [channels], 0.2)],
    x.dims,
    [float("epsilon", 0.1)],
  );
}

function layerNormalization(b: GraphBuilder, x: Value): Value | undefined {
  const features = x.dims.at(-1) ?? 0;
  if (b.opset < 17 || features < 2 || x.dims.length < 2) return undefined;
  return b.add(
    "LayerNormalization",
    [x.name, b.positives("scale", [features]), b.floats("b", [features], 0.2)],
    x.dims,
    [int("axis", -1), float("epsilon", 0.1)],
  );
}

const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const;

/** Over [length, n, features], whose axes a sequence already has in some order. */
function recurrent(b: GraphBuilder, x: Value): Value | undefined {
  const [length = 0, n = 0, features = 0] = x.dims;
  if (x.dims.length !== 3 || length * n * features === 0 || length > 8) return undefined;
  const { random } = b;
  const kind = random.pick(["LSTM", "GRU", "RNN"] as const);
  const hidden = random.pick([2, 4]);
  const directions = random.pick([1, 1, 2]);
  const rows = GATES[kind] * hidden;
  const weights = [
    b.floats("w", [directions, rows, features], 0.5),
    b.floats("r", [directions, rows, hidden], 0.5),
  ];
  const bias = random.chance(0.5) ? [b.floats("b", [directions, 2 * rows], 0.2)] : [];
  const names = [b.name("y"), b.name("y_h")];
  const attributes = [
    int("hidden_size", hidden),
    ...(directions === 2
      ? [string("direction", "bidirectional")]
      : random.chance(0.2)
        ? [string("direction", "reverse")]
        : []),
  ];
  const outputs = random.pick([names.slice(0, 1), names, ["", names[1]!]]);
  b.node(kind, [x.name, ...weights, ...bias], outputs, attributes);
  const [all, last] = outputs;
  if (all) b.values.push({ name: all, dims: [length, directions, n, hidden], type: b.setting.float });
  if (last !== undefined) b.values.push({ name: last, dims: [directions, n, hidden], type: b.setting.float });
  return b.values.at(-1);
}

function embedding(b: GraphBuilder): Value {
  const rows = b.random.pick([4, 16]);
  const width = b.random.pick([4, 8]);
  const dims = b.random.pick([[3], [1, 3]]);
  return b.add(
    "Gather",
    [b.floats("table", [rows, width]), b.int64s("ids", [0, rows - 1, 1], dims)],
    [...dims, width],
  );
}

/**
 * A layer with what often stands behind it: normalizations, steps for each channel, an activation, an
 * Identity between.
 */
function block(b: GraphBuilder, x: Value): Value | undefined {
  let value = b.random.pick([conv, conv, convTranspose, gemm, matMul])(b, x);
  for (let k = b.random.within(1, 3); value && k > 0; k--)
    value = b.random.pick([batchNormalization, affine, affine, nothing, activation])(b, value) ?? value;
  return value;
}

export const WEIGHTED_LAYERS: readonly Layer[] = [
  block,
  block,
  block,
  block,
  conv,
  conv,
  conv,
  convTranspose,
  gemm,
  gemm,
  matMul,
  matMul,
  batchNormalization,
  batchNormalization,
  instanceNormalization,
  layerNormalization,
  recurrent,
  embedding,
];
