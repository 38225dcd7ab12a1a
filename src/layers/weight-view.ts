/**
 * An operator's view of a constant through nodes that only move values: Transpose, Reshape, Flatten, Squeeze,
 * Unsqueeze and Identity, and Cast between floating-point types. Such nodes remain if folding would store the
 * constant twice, as for a table used both for lookup and for multiplication.
 */
import {
  DataType,
  type GraphEditor,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  type Tensor,
  tensorBytes,
  toNumbers,
} from "../ir/index.js";
import {
  countOf,
  flattened,
  isInOrder,
  reshaped,
  reshapeTarget,
  rowMajor,
  squeezed,
  type StridedView,
  transposedView,
  unsqueezed,
  viewOffsets,
} from "../ops/strided-view.js";

export interface WeightView extends StridedView {
  /** The constant as stored. */
  readonly tensor: Tensor;
  /** The element type of its values on arrival. */
  readonly dataType: DataType;
  /** The nodes on the way, starting at the constant. */
  readonly path: readonly Node[];
}

const MOVERS = ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast"] as const;
const FLOATING: readonly DataType[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];
const CODES: readonly DataType[] = [DataType.INT8, DataType.UINT8];
/** Exporters chain two or three. */
const MOST_MOVERS = 16;

/**
 * Undefined if the value is not a constant, or a node on the way changes its values or reorders them in a way
 * that strides cannot express.
 */
export function weightView(editor: GraphEditor, name: string): WeightView | undefined {
  return viewThrough(editor, name, false);
}

/**
 * Codes read through a Cast to floats and a Mul with constant scales, in the form of `weightView`; the Mul is
 * on the path.
 */
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
    const given = isOp(maker, "Mul") ? "" : (maker.inputs[1] ?? "");
    const shape = scope.constant(given);
    if (given !== "" && shape?.dataType !== DataType.INT64) return undefined;
    shapes.push(shape && toNumbers(shape));
    source = maker.inputs[0] ?? "";
  }
  return undefined;
}

/** The view of a constant itself. */
function plainView(tensor: Tensor): WeightView {
  return { tensor, dataType: tensor.dataType, dims: tensor.dims, strides: rowMajor(tensor.dims), path: [] };
}

export function isMover(node: Node | undefined): node is Node {
  return isOp(node, ...MOVERS);
}

/** The scope that defines `name`, from `editor` outwards. */
export function scopeOf(editor: GraphEditor | undefined, name: string): GraphEditor | undefined {
  let scope = editor;
  while (scope && !scope.producer(name) && !scope.input(name)) scope = scope.parent;
  return scope;
}

/** Whether the node multiplies codes by constant scales, possibly reshaped. */
function isScaling(node: Node | undefined, scope: GraphEditor): node is Node {
  return (
    isOp(node, "Mul") &&
    isOp(scope.producer(node.inputs[0] ?? ""), "Cast") &&
    weightView(scope, node.inputs[1] ?? "") !== undefined
  );
}

function throughPath(
  tensor: Tensor,
  path: readonly Node[],
  shapes: readonly (readonly number[] | undefined)[],
  decodes: boolean,
): WeightView | undefined {
  let view: WeightView = { ...plainView(tensor), path };
  for (const [k, node] of path.entries()) {
    const moved = movedBy(node, view, shapes[k], decodes);
    if (!moved) return undefined;
    view = { ...view, ...moved };
  }
  return view;
}

/** @param given the second input, a shape or axes */
function movedBy(
  node: Node,
  view: WeightView,
  given: readonly number[] | undefined,
  decodes: boolean,
): Partial<WeightView> | undefined {
  const { dims, dataType } = view;
  switch (node.opType) {
    case "Identity":
    case "Mul":
      return {};
    case "Cast": {
      const to: DataType = intAttribute<number>(node, "to", 0);
      return (FLOATING.includes(dataType) || (decodes && CODES.includes(dataType))) && FLOATING.includes(to)
        ? { dataType: to }
        : undefined;
    }
    case "Transpose":
      return transposedView(view, intsAttribute(node, "perm") ?? [...dims.keys()].reverse());
    case "Reshape":
      return given && reshaped(view, reshapeTarget(dims, given, intAttribute(node, "allowzero", 0) !== 0));
    case "Flatten":
      return reshaped(view, flattened(dims, intAttribute(node, "axis", 1)));
    case "Squeeze":
      return reshaped(view, squeezed(dims, given ?? intsAttribute(node, "axes")));
    default:
      return reshaped(view, unsqueezed(dims, given ?? intsAttribute(node, "axes") ?? []));
  }
}

/** The constant in the order of the view, in its stored type. */
export function seenTensor(view: WeightView): Tensor {
  const { tensor, dims } = view;
  if (view.path.length === 0 || isInOrder(view)) return { ...tensor, dims: [...dims] };
  const bytes = tensorBytes(tensor);
  const width = bytes.byteLength / Math.max(1, countOf(dims));
  const raw = new Uint8Array(bytes.byteLength);
  viewOffsets(view).forEach((offset, k) =>
    raw.set(bytes.subarray(offset * width, (offset + 1) * width), k * width),
  );
  return {
    dims: [...dims],
    dataType: tensor.dataType,
    raw,
    ...(tensor.name === undefined ? {} : { name: tensor.name }),
  };
}
