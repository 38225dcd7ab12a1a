/** Convolutions and pooling: output sizes of a sliding window, by the formulas of the operators' definitions. */
import { DataType, intAttribute, intsAttribute, isOp, stringAttribute } from "../../ir/index.js";
import type { Dimension, Node } from "../../ir/index.js";
import type { Sizes } from "../sizes.js";
import { rows, typed, unknown, type Call, type Known, type Rule, type Shape } from "./call.js";

interface Window {
  readonly kernel: readonly Dimension[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly autoPad: string;
}

function windowOf(node: Node, spatial: number, kernel: readonly Dimension[] | undefined): Window | undefined {
  const size = intsAttribute(node, "kernel_shape") ?? kernel;
  const strides = intsAttribute(node, "strides") ?? new Array<number>(spatial).fill(1);
  const dilations = intsAttribute(node, "dilations") ?? new Array<number>(spatial).fill(1);
  const pads = intsAttribute(node, "pads") ?? new Array<number>(2 * spatial).fill(0);
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  if (
    size?.length !== spatial ||
    strides.length !== spatial ||
    dilations.length !== spatial ||
    pads.length !== 2 * spatial
  )
    return undefined;
  return strides.every((stride) => stride > 0)
    ? { kernel: size, strides, dilations, pads, autoPad }
    : undefined;
}

/** Output sizes of a window that slides along `sizes`. */
function slide(spatial: readonly Dimension[], window: Window, sizes: Sizes, isCeil = false): Shape {
  return spatial.map((size, k) => {
    const stride = window.strides[k] ?? 1;
    if (window.autoPad.startsWith("SAME")) return sizes.floorDivide(sizes.add(size, stride - 1), stride);
    const extent = sizes.add(sizes.multiply(sizes.subtract(window.kernel[k], 1), window.dilations[k]), 1);
    const [begin, end] =
      window.autoPad === "VALID" ? [0, 0] : [window.pads[k] ?? 0, window.pads[k + spatial.length] ?? 0];
    const room = sizes.subtract(sizes.add(size, begin + end), extent);
    if (!isCeil) return sizes.add(sizes.floorDivide(room, stride), 1);
    if (typeof room !== "number" || typeof size !== "number") return undefined;
    const rounded = Math.ceil(room / stride) + 1;
    // A last window that would start in the padding is omitted.
    return (rounded - 1) * stride >= size + begin ? rounded - 1 : rounded;
  });
}

function conv(x: Shape, w: Shape, { node, sizes }: Call): Shape {
  const rank = x?.length ?? w?.length;
  if (rank === undefined) return undefined;
  const window = windowOf(node, rank - 2, w?.slice(2));
  const spatial = x && window ? slide(x.slice(2), window, sizes) : unknown(rank - 2);
  return [x?.[0], w?.[0], ...(spatial ?? [])];
}

const convolution: Rule = (call) => {
  const [x, w] = call.inputs;
  return [typed(x?.elementType ?? w?.elementType, conv(x?.shape, w?.shape, call))];
};
const integerConvolution: Rule = (call) => [
  typed(DataType.INT32, conv(call.inputs[0]?.shape, call.inputs[1]?.shape, call)),
];
const quantizedConvolution: Rule = (call) => {
  const [x, , , w, , , , zero] = call.inputs;
  return [typed(zero?.elementType ?? x?.elementType, conv(x?.shape, w?.shape, call))];
};

const transposed: Rule = (call) => {
  const {
    node,
    inputs: [x, w],
    sizes,
  } = call;
  const rank = x?.shape?.length ?? w?.shape?.length;
  if (rank === undefined) return [typed(x?.elementType ?? w?.elementType, undefined)];
  const channels = sizes.multiply(w?.shape?.[1], intAttribute(node, "group", 1));
  return [
    typed(x?.elementType ?? w?.elementType, [
      x?.shape?.[0],
      channels,
      ...(transposedSizes(call, rank - 2) ?? unknown(rank - 2) ?? []),
    ]),
  ];
};

function transposedSizes({ node, inputs: [x, w], sizes }: Call, spatial: number): Shape {
  const window = windowOf(node, spatial, w?.shape?.slice(2));
  const given = intsAttribute(node, "output_shape");
  if (given?.length === spatial) return given;
  if (!window || !x?.shape || given) return undefined;
  const extra = intsAttribute(node, "output_padding") ?? new Array<number>(spatial).fill(0);
  return x.shape.slice(2).map((size, k) => {
    const stride = window.strides[k] ?? 1;
    if (window.autoPad.startsWith("SAME")) return sizes.multiply(size, stride);
    const [begin, end] =
      window.autoPad === "VALID" ? [0, 0] : [window.pads[k] ?? 0, window.pads[k + spatial] ?? 0];
    const extent = sizes.add(
      sizes.multiply(sizes.subtract(window.kernel[k], 1), window.dilations[k]),
      1 + (extra[k] ?? 0) - begin - end,
    );
    return sizes.add(sizes.multiply(sizes.subtract(size, 1), stride), extent);
  });
}

const pooling: Rule = ({ node, inputs: [x], sizes }) => {
  const spatial = x?.shape?.slice(2);
  const window = spatial && windowOf(node, spatial.length, undefined);
  const slid =
    spatial && window
      ? slide(spatial, window, sizes, intAttribute(node, "ceil_mode", 0) !== 0)
      : unknown(spatial?.length);
  const shape = x?.shape && slid && [...x.shape.slice(0, 2), ...slid];
  return isOp(node, "MaxPool")
    ? [typed(x?.elementType, shape), typed(DataType.INT64, shape)]
    : [typed(x?.elementType, shape)];
};

const globalPooling: Rule = ({ inputs: [x] }) => [
  typed(
    x?.elementType,
    x?.shape?.map((dim, k) => (k < 2 ? dim : 1)),
  ),
];

const regionPooling: Rule = ({ node, inputs: [x, rois] }) => {
  const pooled = intsAttribute(node, "pooled_shape") ?? [
    intAttribute(node, "output_height", 1),
    intAttribute(node, "output_width", 1),
  ];
  return [typed(x?.elementType, x?.shape && [rois?.shape?.[0], x.shape[1], ...pooled])];
};

const sampled: Rule = ({ inputs: [x, grid] }) => [
  typed(x?.elementType, x?.shape && grid?.shape && [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)]),
];

/** [N, C · block, columns] to an image; only the batch is read from the shapes. */
const columnsToImage: Rule = ({ inputs: [x], value }): Known[] => {
  const [image, block] = [value(1), value(2)];
  const area = block?.reduce<Dimension>(
    (product, size) => (typeof product === "number" && typeof size === "number" ? product * size : undefined),
    1,
  );
  const [batch, columns] = x?.shape ?? [];
  const channels =
    typeof columns === "number" && typeof area === "number" && area > 0 ? columns / area : undefined;
  return [typed(x?.elementType, image && [batch, channels, ...image])];
};

export const WINDOWS = [
  ...rows(convolution, "Conv", "DeformConv"),
  ...rows(integerConvolution, "ConvInteger"),
  ...rows(quantizedConvolution, "QLinearConv"),
  ...rows(transposed, "ConvTranspose"),
  ...rows(pooling, "AveragePool", "MaxPool", "LpPool"),
  ...rows(globalPooling, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
  ...rows(regionPooling, "MaxRoiPool", "RoiAlign"),
  ...rows(sampled, "GridSample"),
  ...rows(columnsToImage, "Col2Im"),
] as const;
