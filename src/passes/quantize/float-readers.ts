/**
 * What reads a weight as floats whose codes int8 layers compute with: an embedding table that the output layer
 * multiplies by, or a layer that stays float. It reads the codes too, times their scales, so that the file holds the
 * weight once.
 *
 *   W float32   →   W int8 ─▶ Cast(float) ─▶ Mul(scale) ─▶ W        (folded at load, as store-int8 has it)
 */
import {
  attribute, DataType, elementCount, type GraphEditor, int64Tensor, makeNode, type Node, nodeLabel, storedByteLength,
  type Tensor,
} from "../../ir/index.js";
import { rowMajor, type StridedView } from "../../ops/strided-view.js";
import type { NodeStatus } from "../contract.js";
import { weightAxes } from "../encode/weight-axes.js";
import {
  type CodeScales, ownerOf, type SharedCodes, type StoredCodes, valueOf, type WeightRead,
} from "./shared-codes.js";

/** Smaller weights stay float beside their codes, as store-int8 leaves them. */
const MIN_BYTES = 1024;
/** Scales that are fewer are stored anew in the shape that they are needed in: a Reshape takes as much. */
const MIN_RESHAPED = 32;

/**
 * Gives the readers of floats that are left the codes in the file. Returns what became of the weights.
 * @param bitsOf bits of a weight's codes
 */
export function readFromCodes(
  shared: SharedCodes, excluded: (node: Node) => string | undefined, bitsOf: (tensor: Tensor) => number,
): NodeStatus[] {
  const statuses: NodeStatus[] = [];
  for (const [tensor, copies] of shared.entries()) {
    if (copies.length > 1) statuses.push(inCopies(tensor, copies.length));
    const reads = shared.readsOf(tensor);
    const [first] = reads;
    const stored = copies.find(({ scales }) => scales && scaleShape(tensor, scales));
    if (!stored || !first?.node || !mayRound(tensor, reads, excluded)) continue;
    decode(tensor, stored, scaleShape(tensor, stored.scales!)!);
    const name = tensor.name ?? "";
    const readers = [...new Set(reads.flatMap(({ node }) => (node ? [nodeLabel(node)] : [])))].map((label) =>
      `"${label}"`).join(", ");
    statuses.push({ name, opType: first.node.opType, status: "changed",
      reason: `read as floats by ${readers}, from the ${bitsOf(tensor)}-bit codes that int8 layers compute with` });
  }
  return statuses;
}

/**
 * Scales belong to what a layer makes: where one layer makes rows of what another makes columns, no codes serve both.
 */
function inCopies(tensor: Tensor, count: number): NodeStatus {
  return { name: tensor.name ?? "", opType: "", status: "changed",
    reason: `stored as int8 ${count} times: its layers need scales along different axes, or of different sizes` };
}

/** As store-int8 has it: some reader takes it for a weight, and nothing asks for the floats themselves. */
function mayRound(tensor: Tensor, reads: readonly WeightRead[], excluded: (node: Node) => string | undefined): boolean {
  if (tensor.dataType !== DataType.FLOAT || storedByteLength(tensor) < MIN_BYTES
    || tensor.unknownFields?.length) return false;
  if (reads.some(({ node }) => !node || excluded(node) !== undefined)) return false;
  const { editor } = reads[0]!;
  if (ownerOf(editor, tensor).isOutput(tensor.name ?? "")) return false;
  return reads.some(({ node, index }) => typeof weightAxes(node!, index, tensor.dims) !== "string");
}

/** The weight's shape with 1 along all axes but those of the channels; undefined where channels lie across axes. */
function scaleShape({ dims }: Tensor, { along, values }: CodeScales): number[] | undefined {
  if (values.length === 1) return [];
  const strides = rowMajor(dims);
  const found = new Set<number>();
  for (const [k, dim] of along.dims.entries()) {
    if (dim === 1) continue;
    let [last, left] = [dims.findIndex((size, axis) => size > 1 && strides[axis] === along.strides[k]), dim];
    for (; left > 1 && last >= 0 && left % (dims[last] ?? 1) === 0; last--) {
      found.add(last);
      left /= dims[last]!;
    }
    if (left !== 1) return undefined;
  }
  // Scales lie in the order of the channels, which must be that of the axes.
  const steps = along.strides.filter((_, k) => along.dims[k] !== 1);
  return steps.every((step, k) => k === 0 || step < steps[k - 1]!)
    ? dims.map((dim, axis) => (found.has(axis) ? dim : 1)) : undefined;
}

function decode(tensor: Tensor, stored: StoredCodes, scaleDims: readonly number[]): void {
  const { owner, scales } = stored;
  const name = tensor.name ?? "";
  const plain: StridedView = { dims: tensor.dims, strides: rowMajor(tensor.dims) };
  const codes = valueOf(stored, plain);
  const float = owner.uniqueName(`${name}_float`);
  const nodes = [makeNode("Cast", [codes], [float], [attribute.int("to", DataType.FLOAT)])];
  const scale = scaleValue(owner, scales!, scaleDims, nodes);
  nodes.push(makeNode("Mul", [float, scale], [name]));
  owner.removeInitializers(new Set([name]));
  const maker = owner.producer(codes);
  if (maker) owner.insertAfter(maker, ...nodes);
  else owner.insertBefore(owner.graph.nodes[0], ...nodes);
}

function scaleValue(owner: GraphEditor, { name, values }: CodeScales, dims: readonly number[], nodes: Node[]): string {
  const stored = owner.constant(name ?? "");
  if (name !== undefined && stored?.dims.join() === dims.join()) return name;
  if (name === undefined || !stored || values.length < MIN_RESHAPED || elementCount(stored) !== values.length) {
    return owner.addInitializer({ name: owner.uniqueName("decode_scale"), dims: [...dims], dataType: DataType.FLOAT,
      raw: new Uint8Array(values.slice().buffer) });
  }
  const [shape, reshaped] =
    [owner.addInitializer(int64Tensor(owner.uniqueName(`${name}_shape`), dims)), owner.uniqueName(`${name}_rows`)];
  nodes.push(makeNode("Reshape", [name, shape], [reshaped]));
  return reshaped;
}
