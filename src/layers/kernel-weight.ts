/** The weight of a layer, as its int8 kernel needs it. */
import { type GraphEditor, intAttribute, isOp, type Node, nodeLabel } from "../ir/index.js";
import type { RowOrder } from "../numeric/affine.js";
import { type StridedView, transposedView } from "../ops/strided-view.js";
import { dequantization } from "./coding.js";
import { isMover, scopeOf, type WeightView, weightView } from "./weight-view.js";

export interface KernelWeight {
  /** The operator's view. */
  readonly view: WeightView;
  /**
   * The view that a matrix kernel needs: [batch…, K, N] with outputs along N. For a convolution, the operator's
   * view.
   */
  readonly kernel: StridedView;
  /** Whether it is the left factor; the layer is then computed with both factors transposed. */
  readonly isLeft: boolean;
}

/** One matrix of a weight, or all of it: its rows, and the location of its values in the constant. */
export interface WeightPart {
  readonly order: RowOrder;
  readonly from: number;
  readonly to: number;
}

/** The weight of a Conv, MatMul or Gemm; undefined if no factor is constant. */
export function kernelWeight(editor: GraphEditor, node: Node): KernelWeight | undefined {
  const right = weightView(editor, node.inputs[1] ?? "");
  if (isOp(node, "Conv")) return right && { view: right, kernel: right, isLeft: false };
  const isLeft = !right;
  const view = right ?? weightView(editor, node.inputs[0] ?? "");
  if (!view) return undefined;
  // As [K, N]: a right factor directly, or transposed by the operator; a left factor, [M, K], the opposite.
  const isTransposed = isOp(node, "Gemm") && intAttribute(node, isLeft ? "transA" : "transB", 0) !== 0;
  const kernel = isTransposed !== isLeft ? withMatricesTransposed(view) : view;
  return { view, kernel, isLeft };
}

function withMatricesTransposed(view: StridedView): StridedView {
  const axes = [...view.dims.keys()];
  return axes.length < 2 ? view : transposedView(view, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!])!;
}

/** The reason why neither factor is constant. */
export function whyComputed(editor: GraphEditor, node: Node): string {
  for (const name of node.inputs.slice(0, 2)) {
    const source = sourceOf(editor, name);
    if (source === undefined) continue;
    if (typeof source === "string") return source;
    if (!isMover(source)) return "its weight is already quantized";
    return (
      `its weight passes through ${source.opType} "${nodeLabel(source)}", which reorders ` +
      "it in a way that codes do not support"
    );
  }
  return isOp(node, "MatMul", "Gemm") ? "both operands are computed" : "its weight is computed";
}

/** The source of the value in place of a constant; undefined if it depends on inputs. */
function sourceOf(editor: GraphEditor, name: string): Node | string | undefined {
  const scope = scopeOf(editor, name);
  if (!scope) return undefined;
  if (
    scope.graph.initializers.length > 0 &&
    scope.input(name) &&
    scope.graph.initializers.some((tensor) => tensor.name === name)
  ) {
    return "its weight is the default of a graph input, which callers may override";
  }
  const coded = dequantization(scope, name);
  if (coded) return weightView(scope, coded.codes) ? coded.node : undefined;
  const maker = scope.producer(name);
  const first = maker?.inputs[0] ?? "";
  if (!isMover(maker)) return undefined;
  return scope.constant(first) ? maker : sourceOf(scope, first);
}

/**
 * The parts of a weight with their rows in kernel order: a single part for a matrix or filters, one per matrix
 * of a batch. Undefined if the values of a part are not contiguous, or kernel positions are not evenly spaced.
 */
export function weightParts(node: Node, { view, kernel }: KernelWeight): WeightPart[] | undefined {
  const length = view.dims.reduce((product, dim) => product * dim, 1);
  if (isOp(node, "Conv")) {
    const order = filterRows(view);
    return order && [{ order, from: 0, to: length }];
  }
  const [rows = 1, columns = 1] = kernel.dims.slice(-2);
  const [rowStride = 1, columnStride = 1] = kernel.strides.slice(-2);
  const order: RowOrder = {
    channels: columns,
    channelStride: columnStride,
    outerCount: 1,
    outerStride: 0,
    innerCount: rows,
    innerStride: rowStride,
  };
  const size = rows * columns;
  if (size === length) return [{ order, from: 0, to: length }];
  return areApart(kernel, size)
    ? Array.from({ length: length / size }, (_, k) => ({ order, from: k * size, to: (k + 1) * size }))
    : undefined;
}

function filterRows({ dims, strides }: StridedView): RowOrder | undefined {
  const [channels = 1, inputs = 1, ...kernel] = dims;
  const positions = kernel.reduce((product, dim) => product * dim, 1);
  const steps = strides.slice(2).filter((_, k) => kernel[k] !== 1);
  const sizes = kernel.filter((dim) => dim !== 1);
  if (steps.some((step, k) => k + 1 < steps.length && step !== steps[k + 1]! * sizes[k + 1]!))
    return undefined;
  return {
    channels,
    channelStride: strides[0]!,
    outerCount: positions,
    outerStride: steps.at(-1) ?? 1,
    innerCount: inputs,
    innerStride: strides[1]!,
  };
}

/** Whether the matrices of a batch are stored consecutively. */
function areApart({ dims, strides }: StridedView, size: number): boolean {
  let next = size;
  for (let axis = dims.length - 3; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== next) return false;
    next *= dims[axis]!;
  }
  return true;
}

/** The output channel axes: the first for filters; the last and the batch axes for matrices. */
export function channelView(node: Node, { view, kernel }: KernelWeight): StridedView {
  const [from, axes] = isOp(node, "Conv")
    ? [view, [0]]
    : [kernel, [...kernel.dims.keys()].filter((axis) => axis !== kernel.dims.length - 2)];
  return { dims: axes.map((axis) => from.dims[axis]!), strides: axes.map((axis) => from.strides[axis]!) };
}

/** Depthwise kernels multiply in 16 bits and add in 32, so pairs of their weights cannot saturate. */
export function isDepthwise(node: Node, { dims }: { readonly dims: readonly number[] }): boolean {
  return isOp(node, "Conv") && dims[1] === 1 && intAttribute(node, "group", 1) > 1;
}
