/**
 * Lets float readers of a weight use the codes of int8 layers: an embedding table that is also the output
 * layer's weight, or a layer that stays in float. They dequantize the codes, so that the file holds the weight
 * once.
 *
 *   W float32   →   W int8 ─▶ Cast(float) ─▶ Mul(scale) ─▶ W        (folded at load, as in store-int8)
 */
import {
  attribute,
  DataType,
  elementCount,
  type GraphEditor,
  int64Tensor,
  makeNode,
  type Node,
  nodeLabel,
  storedByteLength,
  type Tensor,
} from "../../../ir/index.js";
import { rowMajor, type StridedView } from "../../../ops/strided-view.js";
import type { NodeStatus } from "../../contract.js";
import { weightAxes } from "../../../layers/weight-axes.js";
import {
  type CodeScales,
  ownerOf,
  type SharedCodes,
  type StoredCodes,
  valueOf,
  type WeightRead,
} from "./shared-codes.js";

/** Smaller weights are also kept as floats, as in store-int8. */
const MIN_BYTES = 1024;
/** Fewer scales are stored again in the needed shape, because a Reshape takes as many bytes. */
const MIN_RESHAPED = 32;

/**
 * Makes the remaining float readers dequantize the codes. Returns the status of the weights.
 * @param bitsOf bits of a weight's codes
 */
export function readFromCodes(
  shared: SharedCodes,
  excluded: (node: Node) => string | undefined,
  bitsOf: (tensor: Tensor) => number,
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
    const readers = [...new Set(reads.flatMap(({ node }) => (node ? [nodeLabel(node)] : [])))]
      .map((label) => `"${label}"`)
      .join(", ");
    statuses.push({
      name,
      opType: first.node.opType,
      status: "changed",
      reason: `dequantized for ${readers} from the ${bitsOf(tensor)}-bit codes of int8 layers`,
    });
  }
  return statuses;
}

/**
 * Scales belong to output channels. If the rows are output channels for one layer and the columns for another,
 * they cannot share codes.
 */
function inCopies(tensor: Tensor, count: number): NodeStatus {
  return {
    name: tensor.name ?? "",
    opType: "",
    status: "changed",
    reason: `stored as int8 ${count} times: its layers need scales along different axes, or of different sizes`,
  };
}

/** As in store-int8: some reader uses it as a weight, and no reader needs the exact floats. */
function mayRound(
  tensor: Tensor,
  reads: readonly WeightRead[],
  excluded: (node: Node) => string | undefined,
): boolean {
  if (
    tensor.dataType !== DataType.FLOAT ||
    storedByteLength(tensor) < MIN_BYTES ||
    tensor.unknownFields?.length
  )
    return false;
  if (reads.some(({ node }) => !node || excluded(node) !== undefined)) return false;
  const { editor } = reads[0]!;
  if (ownerOf(editor, tensor).isOutput(tensor.name ?? "")) return false;
  return reads.some(({ node, index }) => typeof weightAxes(node!, index, tensor.dims) !== "string");
}

/**
 * The weight's shape with 1 along all axes except the channel axes; undefined if channels do not follow whole
 * axes.
 */
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
  // Scales are in channel order, which must match the order of the axes.
  const steps = along.strides.filter((_, k) => along.dims[k] !== 1);
  return steps.every((step, k) => k === 0 || step < steps[k - 1]!)
    ? dims.map((dim, axis) => (found.has(axis) ? dim : 1))
    : undefined;
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

function scaleValue(
  owner: GraphEditor,
  { name, values }: CodeScales,
  dims: readonly number[],
  nodes: Node[],
): string {
  const stored = owner.constant(name ?? "");
  if (name !== undefined && stored?.dims.join() === dims.join()) return name;
  if (
    name === undefined ||
    !stored ||
    values.length < MIN_RESHAPED ||
    elementCount(stored) !== values.length
  ) {
    return owner.addInitializer({
      name: owner.uniqueName("decode_scale"),
      dims: [...dims],
      dataType: DataType.FLOAT,
      raw: new Uint8Array(values.slice().buffer),
    });
  }
  const [shape, reshaped] = [
    owner.addInitializer(int64Tensor(owner.uniqueName(`${name}_shape`), dims)),
    owner.uniqueName(`${name}_rows`),
  ];
  nodes.push(makeNode("Reshape", [name, shape], [reshaped]));
  return reshaped;
}
