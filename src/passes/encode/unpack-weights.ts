/**
 * unpack-weights: turns weights that the file holds compactly into dense constants, for passes that change
 * them.
 *
 *   codes ─▶ Cast ─▶ Mul(scale) ─▶ W ─▶ Conv   →   W (dense) ─▶ Conv
 *
 * int8 with a scale, half precision behind Cast, tables and gaps, alone or in functions: pruning, int8 and
 * clustering cannot see weights in these forms. The model remembers the form, and encode-weights restores it if
 * the value is still the same at the end and no other form is smaller.
 *
 * Unpacks floating-point values and 8-bit codes that take more bytes than the constants behind them. Skips what
 * fold-constants stores anyway; copies that would be stored twice, such as a Transpose of a table that is also
 * read directly; values with more than eight elements per byte of the constants behind them (and more than
 * 2^20); and what folding never computes (see foldable.ts), such as a DequantizeLinear, which is int8 arithmetic
 * rather than a storage form.
 */
import {
  contentKey,
  DataType,
  GraphEditor,
  isOp,
  opsetVersion,
  storedByteLength,
  type Model,
  type Node,
  type Tensor,
} from "../../ir/index.js";
import type { ConstantEvaluator, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { CallBodies } from "../graph/call-bodies.js";
import { ConstantRegions, type FoldTotals } from "../graph/constant-regions.js";
import { dropStages } from "./drop-stages.js";

const TYPES: ReadonlySet<DataType> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
  DataType.INT8,
  DataType.UINT8,
]);
const MIN_ELEMENTS = 2 ** 20;
const ELEMENTS_PER_BYTE = 8;
/** The limit of onnxruntime and protobuf for one tensor: 1 GiB of float32. */
const MAX_ELEMENTS = 2 ** 28;
/** Constants that are evaluated together, bytes. */
const BATCH_BYTES = 2 ** 25;

export const unpackWeights = definePass<Record<string, never>>({
  name: "unpack-weights",
  description: "Turn weights that are stored as codes, tables or half precision into dense constants",
  lossy: false,
  growsFile: true,
  defaults: {},
  async run(model, _options, { evaluator }): Promise<PassResult> {
    const totals: FoldTotals = { nodesFolded: 0, bytesAdded: 0, bytesRemoved: 0 };
    const stages = dropStages(model);
    const calls = new CallBodies(model);
    let unpackedTensors = 0;
    for (const editor of GraphEditor.forModel(model))
      if (evaluator) unpackedTensors += await unpackGraph(model, editor, calls, evaluator, totals);
    return {
      modified: unpackedTensors > 0 || stages > 0,
      stats: { unpackedTensors, ...totals },
      nodes: [],
      diagnostics: [],
    };
  },
});

/** Every round unpacks some values or rejects some nodes, so this ends. */
async function unpackGraph(
  model: Model,
  editor: GraphEditor,
  calls: CallBodies,
  evaluator: ConstantEvaluator,
  totals: FoldTotals,
): Promise<number> {
  const rejected = new Set<Node>();
  for (let unpacked = 0; ;) {
    const maxElements = mostElements(editor);
    const regions = new ConstantRegions(model, editor, {
      rejected,
      maxElements,
      maxTotal: Math.max(maxElements, MAX_ELEMENTS),
      calls,
    });
    const frontier = regions.frontier();
    if (frontier.length === 0) return unpacked;
    const ends = new Set(frontier);
    const tried = frontier.filter(
      (node) => (node.outputs.length === 1 || isOp(node, "Split")) && !copiesEnd(node, ends, editor),
    );
    for (const node of frontier) rejected.add(node);
    for (const batch of batches(tried, regions))
      unpacked += await unpack(batch, { model, regions, evaluator, totals });
  }
}

function mostElements(editor: GraphEditor): number {
  let bytes = 0;
  for (let scope: GraphEditor | undefined = editor; scope; scope = scope.parent) {
    for (const tensor of scope.graph.initializers) bytes += storedByteLength(tensor);
  }
  return Math.min(MAX_ELEMENTS, Math.max(MIN_ELEMENTS, ELEMENTS_PER_BYTE * bytes));
}

/** Whether the node only moves a value that is itself read elsewhere. */
function copiesEnd(node: Node, ends: ReadonlySet<Node>, editor: GraphEditor): boolean {
  return (
    movesData(node) &&
    node.inputs.some((name) => {
      const maker = editor.producer(name);
      return maker !== undefined && ends.has(maker);
    })
  );
}

function movesData(node: Node): boolean {
  return isOp(
    node,
    "Concat",
    "DepthToSpace",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
  );
}

function* batches(nodes: readonly Node[], regions: ConstantRegions): Generator<Node[], void> {
  let batch: Node[] = [];
  let bytes = 0;
  for (const node of nodes) {
    batch.push(node);
    for (const tensor of regions.chainOf(node).constants.values()) bytes += storedByteLength(tensor);
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

interface Unpacking {
  readonly model: Model;
  readonly regions: ConstantRegions;
  readonly evaluator: ConstantEvaluator;
  readonly totals: FoldTotals;
}

/** Returns how many constants were made. */
async function unpack(
  nodes: readonly Node[],
  { model, regions, evaluator, totals }: Unpacking,
): Promise<number> {
  const values = await regions.evaluate(nodes, evaluator);
  // Stored together, because each edit walks the lists of the whole graph.
  const unpacked: Node[] = [];
  let count = 0;
  for (const node of nodes) {
    const names = regions.usedOutputs(node);
    const made = names.flatMap((name) => values.get(name) ?? []);
    const areWeights = made.length === names.length && made.every(({ dataType }) => TYPES.has(dataType));
    if (made.length === 0 || !areWeights || regions.growth([node], values) <= 0) continue;
    const { nodes: chain, constants } = regions.chainOf(node);
    if (isCopy(chain, constants, made)) continue;
    if (!isOp(node, "Split")) {
      if (chain.some(({ outputs }) => outputs.length !== 1)) continue;
      remember(model, node, made[0]!, chain, constants);
    }
    count += made.length;
    unpacked.push(node);
  }
  if (unpacked.length > 0) regions.store(unpacked, values, totals);
  return count;
}

/** Encoding may restore the form. Constants that one Split makes are packed together again, if that pays. */
function remember(
  model: Model,
  { outputs: [name = ""] }: Node,
  value: Tensor,
  nodes: readonly Node[],
  constants: ReadonlyMap<string, Tensor>,
): void {
  const form = { name, key: contentKey(value), opset: opsetVersion(model), nodes, constants };
  (model.storedForms ??= []).push(form);
}

/** Whether the values are parts of a constant that stays in the file, or the same in another order. */
function isCopy(
  chain: readonly Node[],
  constants: ReadonlyMap<string, Tensor>,
  values: readonly Tensor[],
): boolean {
  const largest = [...constants.values()].reduce(
    (most, tensor) => Math.max(most, storedByteLength(tensor)),
    0,
  );
  return chain.every(movesData) && values.every((value) => storedByteLength(value) <= largest);
}
