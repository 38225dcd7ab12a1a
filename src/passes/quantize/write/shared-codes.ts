/**
 * Stores the codes of a weight once, however many layers use it and in whatever form.
 *
 *   MatMul(a, W), MatMul(b, Transpose(W))   →   W int8 ─┬─▶ kernel
 *                                                       └─▶ Transpose ─▶ kernel
 *
 * onnxruntime folds such a Transpose at load, so that kernels get constants. Codes used by a single layer are
 * stored in its graph, in the order that its kernel needs. Other codes are stored in the graph that holds the
 * weight, where bodies can capture them. Codes that differ, such as those with scales per row and per column,
 * are stored separately.
 */
import {
  attribute,
  DataType,
  type GraphEditor,
  int64Tensor,
  integerTensor,
  makeNode,
  type Node,
  type Tensor,
  tensorBytes,
} from "../../../ir/index.js";
import { isInOrder, rowMajor, type StridedView, viewOffsets } from "../../../ops/strided-view.js";
import { isMover, scopeOf } from "../../../layers/weight-view.js";

/** A node that reads a weight, directly or through nodes that only move its values. */
export interface WeightRead {
  readonly editor: GraphEditor;
  /** Undefined if the value is a graph output. */
  readonly node: Node | undefined;
  readonly index: number;
  readonly name: string;
}

/**
 * The scales of codes: offset and stride of the channels' values, and the constant that holds the scales, if
 * there is one.
 */
export interface CodeScales {
  readonly along: StridedView;
  readonly name: string | undefined;
  readonly values: Float32Array;
}

/** Codes stored in the file. */
export interface StoredCodes {
  readonly name: string;
  readonly codes: Int8Array;
  /** Their layout relative to the weight. */
  readonly root: StridedView;
  readonly owner: GraphEditor;
  /** The scales that dequantize them. */
  scales?: CodeScales;
  /** Values computed from them, by layout. */
  readonly made: Map<string, string>;
}

export class SharedCodes {
  private readonly reads = new Map<Tensor, readonly WeightRead[]>();
  private readonly stored = new Map<Tensor, StoredCodes[]>();
  private readonly constants = new Map<GraphEditor, Map<string, string>>();

  /** @param editors of all graphs, before any rewriting */
  constructor(
    private readonly editors: readonly GraphEditor[],
    private readonly share: boolean,
  ) {}

  /** Records the readers of a weight, before any of them is rewritten. */
  note(tensor: Tensor): void {
    if (this.share && !this.reads.has(tensor)) this.reads.set(tensor, this.readsOf(tensor));
  }

  /** The current readers. */
  readsOf(tensor: Tensor): WeightRead[] {
    const name = tensor.name ?? "";
    return [...leafReads(this.editors, name, (editor) => editor.constant(name) === tensor)];
  }

  /** Weights whose codes have several readers, with the codes. */
  entries(): ReadonlyMap<Tensor, readonly StoredCodes[]> {
    return this.stored;
  }

  isShared(tensor: Tensor): boolean {
    return (this.reads.get(tensor)?.length ?? 0) > 1;
  }

  /**
   * The name of the codes of `tensor`, given in the tensor's own order, as a value in the order of `needed`.
   * @param isCommon whether all readers of the weight need this order
   */
  place(
    editor: GraphEditor,
    tensor: Tensor,
    codes: Int8Array,
    needed: StridedView,
    stem: string,
    isCommon: (read: WeightRead) => boolean,
  ): string {
    if (!this.isShared(tensor)) return addCodes(editor, stem, codes, needed);
    const known = this.stored.get(tensor) ?? [];
    this.stored.set(tensor, known);
    let found = known.find((entry) => areEqual(entry.codes, codes));
    if (!found) {
      const owner = ownerOf(editor, tensor);
      const root = this.reads.get(tensor)!.every(isCommon)
        ? needed
        : { dims: tensor.dims, strides: rowMajor(tensor.dims) };
      const name = addCodes(owner, stem, codes, root);
      found = { name, codes, root, owner, made: new Map([[keyOf(root), name]]) };
      known.push(found);
    }
    return valueOf(found, needed);
  }

  /** Records the scales of stored codes; the first record for a constant is kept. */
  describe(tensor: Tensor, codes: Int8Array, scales: CodeScales): void {
    const entry = this.stored.get(tensor)?.find((each) => areEqual(each.codes, codes));
    if (entry?.scales?.name === undefined && entry) entry.scales = scales;
  }

  /** Adds a small constant that belongs to codes: in the graph of shared codes, and there only once. */
  constant(editor: GraphEditor, tensor: Tensor, own: Tensor): string {
    if (!this.isShared(tensor))
      return editor.addInitializer({ ...own, name: editor.uniqueName(own.name ?? "") });
    const owner = ownerOf(editor, tensor);
    const known = this.constants.get(owner) ?? new Map<string, string>();
    this.constants.set(owner, known);
    const key = `${own.dataType}:${own.dims.join()}:${Buffer.from(tensorBytes(own)).toString("base64")}`;
    const name = known.get(key) ?? owner.addInitializer({ ...own, name: owner.uniqueName(own.name ?? "") });
    known.set(key, name);
    return name;
  }
}

function areEqual(a: Int8Array, b: Int8Array): boolean {
  return a.length === b.length && a.every((code, k) => code === b[k]);
}

function* leafReads(
  editors: readonly GraphEditor[],
  name: string,
  isSeen: (editor: GraphEditor) => boolean,
): Generator<WeightRead> {
  for (const editor of editors) {
    if (!isSeen(editor)) continue;
    if (editor.isOutput(name)) yield { editor, node: undefined, index: 0, name };
    for (const node of editor.consumers(name)) {
      for (const [index, input] of node.inputs.entries()) {
        if (input !== name) continue;
        const output = node.outputs[0] ?? "";
        if (isMover(node) && index === 0)
          yield* leafReads(editors, output, (other) => scopeOf(other, output)?.producer(output) === node);
        else yield { editor, node, index, name };
      }
    }
  }
}

/** The editor of the graph that holds the constant, found from a graph that uses it. */
export function ownerOf(editor: GraphEditor, { name = "" }: Tensor): GraphEditor {
  const tensor = editor.constant(name);
  let owner = editor;
  while (owner.parent?.constant(name) === tensor && owner.parent) owner = owner.parent;
  return owner;
}

function addCodes(editor: GraphEditor, stem: string, codes: Int8Array, view: StridedView): string {
  const ordered = isInOrder(view) ? codes : Int8Array.from(viewOffsets(view), (offset) => codes[offset]!);
  return editor.addInitializer(integerTensor(editor.uniqueName(stem), view.dims, DataType.INT8, ordered));
}

function keyOf({ dims, strides }: StridedView): string {
  return `${dims.join()};${strides.map((stride, axis) => (dims[axis] === 1 ? 0 : stride)).join()}`;
}

/** The codes in another order, computed by nodes at the start of the graph that holds them. Created once. */
export function valueOf(entry: StoredCodes, needed: StridedView): string {
  const known = entry.made.get(keyOf(needed));
  if (known !== undefined) return known;
  const { owner, root } = entry;
  const nodes: Node[] = [];
  const add = (
    opType: string,
    inputs: readonly string[],
    attributes: Parameters<typeof makeNode>[3] = [],
  ): string => {
    const output = owner.uniqueName(`${entry.name}_${opType.toLowerCase()}`);
    nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  };
  const reshape = (name: string, dims: readonly number[]): string =>
    add("Reshape", [name, owner.addInitializer(int64Tensor(owner.uniqueName(`${entry.name}_shape`), dims))]);
  const { from, order, dims } = movesBetween(root, needed);
  let name = entry.name;
  if (from.join() !== root.dims.join()) name = reshape(name, from);
  if (order.some((axis, k) => axis !== k)) name = add("Transpose", [name], [attribute.ints("perm", order)]);
  if (dims.join() !== needed.dims.join()) name = reshape(name, needed.dims);
  owner.insertBefore(owner.graph.nodes[0], ...nodes);
  entry.made.set(keyOf(needed), name);
  return name;
}

/** From stored to needed order: a shape for the codes, a permutation of its axes, and the final shape. */
function movesBetween(
  root: StridedView,
  needed: StridedView,
): { from: number[]; order: number[]; dims: number[] } {
  const sameAxes =
    root.dims.length === needed.dims.length
      ? needed.strides.map((stride, k) =>
          root.strides.findIndex((other, axis) => other === stride && root.dims[axis] === needed.dims[k]),
        )
      : [-1];
  if (new Set(sameAxes).size === root.dims.length && !sameAxes.includes(-1))
    return { from: [...root.dims], order: sameAxes, dims: [...needed.dims] };
  // Stored in the weight's own order: the needed axes sorted by their stride in it.
  const axes = needed.dims.flatMap((dim, k) => (dim === 1 ? [] : [{ dim, stride: needed.strides[k]! }]));
  const sorted = [...axes].sort((a, b) => b.stride - a.stride);
  return {
    from: sorted.map(({ dim }) => dim),
    order: axes.map((axis) => sorted.indexOf(axis)),
    dims: axes.map(({ dim }) => dim),
  };
}
