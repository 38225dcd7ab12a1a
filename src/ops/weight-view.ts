/**
 * A constant as an operator sees it through nodes that only move its values: Transpose, Reshape, Flatten, Squeeze,
 * Unsqueeze and Identity, and Cast between floating-point types. Such nodes stay where folding them would store the
 * constant twice, as with a table that is looked up and multiplied by.
 */
import { DataType, type GraphEditor, intAttribute, intsAttribute, isOp, type Node, type Tensor, tensorBytes, toNumbers } from "../ir/index.js";

export interface StridedView {
  readonly dims: readonly number[];
  /** Elements of the constant between neighbours along each axis. */
  readonly strides: readonly number[];
}

export interface WeightView extends StridedView {
  /** The constant as the file has it. */
  readonly tensor: Tensor;
  /** What its values are when they arrive. */
  readonly dataType: DataType;
  /** The nodes on the way, the constant's own reader first. */
  readonly path: readonly Node[];
}

const MOVERS = ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast"] as const;
const FLOATING: readonly DataType[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];
const CODES: readonly DataType[] = [DataType.INT8, DataType.UINT8];
/** Exporters put two or three behind each other. */
const MOST_MOVERS = 16;

/** Undefined for what is no constant, and for one whose values a node on the way changes or puts in an order without strides. */
export function weightView(editor: GraphEditor, name: string): WeightView | undefined {
  return viewThrough(editor, name, false);
}

/** Codes that lie behind a Cast to floats and a Mul with constant scales, as `weightView` has them; the Mul is on the path. */
export function decodedView(editor: GraphEditor, name: string): WeightView | undefined {
  const view = viewThrough(editor, name, true);
  return view?.path.some((node) => isOp(node, "Mul")) === true ? view : undefined;
}

function viewThrough(editor: GraphEditor, name: string, decodes: boolean): WeightView | undefined {
  const path: Node[] = [];
  const shapes: (readonly number[] | undefined)[] = [];
  for (let scope: GraphEditor | undefined = editor, source = name; path.length <= MOST_MOVERS;) {
    const tensor = scope?.constant(source);
    if (tensor) return throughPath(tensor, path.reverse(), shapes.reverse(), decodes);
    scope = scopeOf(scope, source);
    const maker: Node | undefined = scope?.producer(source);
    if (!scope || !(isMover(maker) || (decodes && isScaling(maker, scope)))) return undefined;
    path.push(maker);
    const given = isOp(maker, "Mul") ? "" : maker.inputs[1] ?? "";
    const shape = scope.constant(given);
    if (given !== "" && shape?.dataType !== DataType.INT64) return undefined;
    shapes.push(shape && toNumbers(shape));
    source = maker.inputs[0] ?? "";
  }
  return undefined;
}

/** The view of a constant itself. */
export function plainView(tensor: Tensor): WeightView {
  return { tensor, dataType: tensor.dataType, dims: tensor.dims, strides: rowMajor(tensor.dims), path: [] };
}

export function isMover(node: Node | undefined): node is Node {
  return isOp(node, ...MOVERS);
}

/** The scope whose node or input `name` stands for, from `editor` outwards. */
export function scopeOf(editor: GraphEditor | undefined, name: string): GraphEditor | undefined {
  let scope = editor;
  while (scope && !scope.producer(name) && !scope.input(name)) scope = scope.parent;
  return scope;
}

/** Whether the node multiplies codes by scales that are constant, perhaps in another shape. */
function isScaling(node: Node | undefined, scope: GraphEditor): node is Node {
  return isOp(node, "Mul") && isOp(scope.producer(node.inputs[0] ?? ""), "Cast") && weightView(scope, node.inputs[1] ?? "") !== undefined;
}

function throughPath(tensor: Tensor, path: readonly Node[], shapes: readonly (readonly number[] | undefined)[], decodes: boolean): WeightView | undefined {
  let view: WeightView = { ...plainView(tensor), path };
  for (const [k, node] of path.entries()) {
    const moved = movedBy(node, view, shapes[k], decodes);
    if (!moved) return undefined;
    view = { ...view, ...moved };
  }
  return view;
}

/** @param given the second input, a shape or axes */
function movedBy(node: Node, view: WeightView, given: readonly number[] | undefined, decodes: boolean): Partial<WeightView> | undefined {
  const { dims, dataType } = view;
  switch (node.opType) {
    case "Identity": case "Mul": return {};
    case "Cast": {
      const to = intAttribute(node, "to", 0) as DataType;
      return (FLOATING.includes(dataType) || (decodes && CODES.includes(dataType))) && FLOATING.includes(to) ? { dataType: to } : undefined;
    }
    case "Transpose": return transposedView(view, intsAttribute(node, "perm") ?? [...dims.keys()].reverse());
    case "Reshape": return given && reshaped(view, reshapeTarget(dims, given, intAttribute(node, "allowzero", 0) !== 0));
    case "Flatten": return reshaped(view, flattened(dims, intAttribute(node, "axis", 1)));
    case "Squeeze": return reshaped(view, squeezed(dims, given ?? intsAttribute(node, "axes")));
    default: return reshaped(view, unsqueezed(dims, given ?? intsAttribute(node, "axes") ?? []));
  }
}

/** The view with its axes in another order. */
export function transposedView({ dims, strides }: StridedView, order: readonly number[]): StridedView | undefined {
  if (order.length !== dims.length || new Set(order).size !== order.length || order.some((axis) => !(axis in dims))) return undefined;
  return { dims: order.map((axis) => dims[axis]!), strides: order.map((axis) => strides[axis]!) };
}

function reshapeTarget(dims: readonly number[], given: readonly number[], zerosCount: boolean): number[] | undefined {
  const target = given.map((dim, k) => (dim === 0 && !zerosCount ? dims[k] ?? 0 : dim));
  const known = target.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  return target.map((dim) => (dim === -1 && known > 0 ? countOf(dims) / known : dim));
}

function flattened(dims: readonly number[], axis: number): number[] {
  const at = axis < 0 ? axis + dims.length : axis;
  return [countOf(dims.slice(0, at)), countOf(dims.slice(at))];
}

function squeezed(dims: readonly number[], axes: readonly number[] | undefined): number[] {
  const gone = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis));
  return dims.filter((dim, axis) => (gone ? !gone.includes(axis) : dim !== 1));
}

function unsqueezed(dims: readonly number[], axes: readonly number[]): number[] {
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift() ?? 1));
}

/** Other axes over the same order of values, where strides can say so: axes that lie apart cannot become one. */
function reshaped(view: StridedView, dims: readonly number[] | undefined): StridedView | undefined {
  if (!dims?.every((dim) => Number.isInteger(dim) && dim > 0) || countOf(dims) !== countOf(view.dims)) return undefined;
  const old = view.dims.flatMap((dim, k) => (dim === 1 ? [] : [{ dim, stride: view.strides[k]! }]));
  const strides: number[] = [];
  // From the last axis on: `run` values of the old axes lie `step` apart, and of these the new axes have taken `taken`.
  let [run, step, taken] = [1, 1, 1];
  for (const dim of [...dims].reverse()) {
    if (dim === 1) {
      strides.push(step * taken);
      continue;
    }
    if (taken === run) {
      const next = old.pop()!;
      [run, step, taken] = [next.dim, next.stride, 1];
    }
    while (taken * dim > run) {
      const next = old.pop();
      if (next?.stride !== step * run) return undefined;
      run *= next.dim;
    }
    if (run % (taken * dim) !== 0) return undefined;
    strides.push(step * taken);
    taken *= dim;
  }
  return { dims, strides: strides.reverse() };
}

/** Offsets of all index combinations along some axes of a view, row-major, the other axes at 0. */
export function viewOffsets({ dims, strides }: StridedView, axes: readonly number[] = [...dims.keys()]): Int32Array {
  let offsets = Int32Array.of(0);
  for (const axis of axes) {
    const [dim, stride] = [dims[axis]!, strides[axis]!];
    const wider = new Int32Array(offsets.length * dim);
    for (let i = 0, at = 0; i < offsets.length; i++) for (let k = 0; k < dim; k++) wider[at++] = offsets[i]! + k * stride;
    offsets = wider;
  }
  return offsets;
}

/** The constant in the order in which it is seen, of the type that it is stored in. */
export function seenTensor(view: WeightView): Tensor {
  const { tensor, dims } = view;
  if (view.path.length === 0 || isInOrder(view)) return { ...tensor, dims: [...dims] };
  const bytes = tensorBytes(tensor);
  const width = bytes.byteLength / Math.max(1, countOf(dims));
  const raw = new Uint8Array(bytes.byteLength);
  viewOffsets(view).forEach((offset, k) => raw.set(bytes.subarray(offset * width, (offset + 1) * width), k * width));
  return { dims: [...dims], dataType: tensor.dataType, raw, ...(tensor.name === undefined ? {} : { name: tensor.name }) };
}

export function rowMajor(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** Whether the view has the values in the constant's own order. */
export function isInOrder({ dims, strides }: StridedView): boolean {
  const own = rowMajor(dims);
  return dims.every((dim, axis) => dim === 1 || strides[axis] === own[axis]);
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
