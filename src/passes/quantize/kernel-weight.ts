/** The constant that a layer multiplies by, as its int8 kernel takes it. */
import { type GraphEditor, intAttribute, isOp, type Node, nodeLabel } from "../../ir/index.js";
import type { RowOrder } from "../../numeric/affine.js";
import { type StridedView, transposedView } from "../../ops/strided-view.js";
import { isMover, scopeOf, type WeightView, weightView } from "../../ops/weight-view.js";

export interface KernelWeight {
  /** As the operator sees it. */
  readonly view: WeightView;
  /** As a kernel of matrices takes it: [batch…, K, N] with outputs along N. Of a convolution, the view. */
  readonly kernel: StridedView;
  /** Whether it is the left factor: the layer is then computed with both factors transposed. */
  readonly isLeft: boolean;
}

/** A matrix of a weight, or all of it: its rows, and where its values lie in the constant. */
export interface WeightPart { readonly order: RowOrder; readonly from: number; readonly to: number }

/** The weight of a Conv, MatMul or Gemm; undefined when no factor is a constant. */
export function kernelWeight(editor: GraphEditor, node: Node): KernelWeight | undefined {
  const right = weightView(editor, node.inputs[1] ?? "");
  if (isOp(node, "Conv")) return right && { view: right, kernel: right, isLeft: false };
  const isLeft = !right;
  const view = right ?? weightView(editor, node.inputs[0] ?? "");
  if (!view) return undefined;
  // Seen as [K, N]: a right factor as it is, or transposed by the operator; a left one, [M, K], the other way round.
  const isTransposed = isOp(node, "Gemm") && intAttribute(node, isLeft ? "transA" : "transB", 0) !== 0;
  const kernel = isTransposed !== isLeft ? withMatricesTransposed(view) : view;
  return { view, kernel, isLeft };
}

function withMatricesTransposed(view: StridedView): StridedView {
  const axes = [...view.dims.keys()];
  return axes.length < 2 ? view : transposedView(view, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!])!;
}

/** Why neither factor is a constant. */
export function whyComputed(editor: GraphEditor, node: Node): string {
  for (const name of node.inputs.slice(0, 2)) {
    const source = sourceOf(editor, name);
    if (source === undefined) continue;
    if (typeof source === "string") return source;
    if (isOp(source, "DequantizeLinear")) return "its weight lies behind a DequantizeLinear already";
    if (isMover(source)) return `its weight passes through ${source.opType} "${nodeLabel(source)}", which puts it in an order that codes cannot take`;
  }
  return isOp(node, "MatMul", "Gemm") ? "both operands are computed" : "its weight is computed";
}

/** What stands where the constant would; undefined for what depends on inputs. */
function sourceOf(editor: GraphEditor, name: string): Node | string | undefined {
  const scope = scopeOf(editor, name);
  if (!scope) return undefined;
  if (scope.graph.initializers.length > 0 && scope.input(name)
    && scope.graph.initializers.some((tensor) => tensor.name === name)) {
    return "its weight is the default of a graph input, which callers may override";
  }
  const maker = scope.producer(name);
  const first = maker?.inputs[0] ?? "";
  if (isOp(maker, "DequantizeLinear")) return weightView(scope, first) ? maker : undefined;
  if (!isMover(maker)) return undefined;
  return scope.constant(first) ? maker : sourceOf(scope, first);
}

/**
 * The parts of a weight with their rows in kernel order: one of a matrix or of filters, one for each matrix of a batch.
 * Undefined where the values of a part do not lie together, or positions of a kernel not evenly.
 */
export function weightParts(node: Node, { view, kernel }: KernelWeight): WeightPart[] | undefined {
  const length = view.dims.reduce((product, dim) => product * dim, 1);
  if (isOp(node, "Conv")) {
    const order = filterRows(view);
    return order && [{ order, from: 0, to: length }];
  }
  const [rows = 1, columns = 1] = kernel.dims.slice(-2);
  const [rowStride = 1, columnStride = 1] = kernel.strides.slice(-2);
  const order: RowOrder =
    { channels: columns, channelStride: columnStride, outerCount: 1, outerStride: 0, innerCount: rows,
    innerStride: rowStride };
  const size = rows * columns;
  if (size === length) return [{ order, from: 0, to: length }];
  return areApart(kernel, size)
    ? Array.from({ length: length / size }, (_, k) => ({ order, from: k * size, to: (k + 1) * size })) : undefined;
}

function filterRows({ dims, strides }: StridedView): RowOrder | undefined {
  const [channels = 1, inputs = 1, ...kernel] = dims;
  const positions = kernel.reduce((product, dim) => product * dim, 1);
  const steps = strides.slice(2).filter((_, k) => kernel[k] !== 1);
  const sizes = kernel.filter((dim) => dim !== 1);
  if (steps.some((step, k) => k + 1 < steps.length && step !== steps[k + 1]! * sizes[k + 1]!)) return undefined;
  return { channels, channelStride: strides[0]!, outerCount: positions, outerStride: steps.at(-1) ?? 1,
    innerCount: inputs, innerStride: strides[1]! };
}

/** Whether the matrices of a batch lie one after the other, each by itself. */
function areApart({ dims, strides }: StridedView, size: number): boolean {
  let next = size;
  for (let axis = dims.length - 3; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== next) return false;
    next *= dims[axis]!;
  }
  return true;
}

/** Where the channels of the outputs lie: of filters the first axis, of matrices the last and those of the batch. */
export function channelView(node: Node, { view, kernel }: KernelWeight): StridedView {
  const [from, axes] = isOp(node, "Conv")
    ? [view, [0]] : [kernel, [...kernel.dims.keys()].filter((axis) => axis !== kernel.dims.length - 2)];
  return { dims: axes.map((axis) => from.dims[axis]!), strides: axes.map((axis) => from.strides[axis]!) };
}

/** Depthwise kernels multiply in 16 and add in 32 bits, so pairs of their weights cannot saturate. */
export function isDepthwise(node: Node, { dims }: { readonly dims: readonly number[] }): boolean {
  return isOp(node, "Conv") && dims[1] === 1 && intAttribute(node, "group", 1) > 1;
}
