/**
 * Computes what depends on constants alone, with the runtime's own kernels, and stores the result.
 *
 * Before: w → Transpose → MatMul. After: initializer → MatMul. Only values that other nodes use are stored, unless one
 * is more than `maxGrowthBytes` larger than the constants that it makes superfluous (1 KB for what only moves data, which
 * would be stored twice); then the nodes before it are tried.
 * All nodes of a graph are evaluated together. Never folded: see foldable.ts. Outputs of the graph keep their node.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError } from "../../errors.js";
import { GraphEditor, isOp, storedByteLength, type Model, type Node, type Tensor } from "../../ir/index.js";
import type { ConstantEvaluator } from "../contract.js";
import { definePass } from "../define-pass.js";
import { constantModel } from "./constant-model.js";
import { foldableNodes } from "./foldable.js";

export interface FoldConstantsOptions {
  /** Bytes by which one stored value may exceed what it replaces. */
  maxGrowthBytes: number;
}

interface Totals { nodesFolded: number; bytesAdded: number; bytesRemoved: number }

/** What even an allowed growth may need while it is computed. */
const MIN_ELEMENTS = 2 ** 20;
/** Evaluations spent in one round on finding the node that the runtime cannot compute. */
const MAX_EVALUATIONS = 32;

export const foldConstants = definePass<FoldConstantsOptions>({
  name: "fold-constants",
  description: "computes values that depend on constants alone",
  lossy: false,
  defaults: { maxGrowthBytes: 65_536 },
  validate({ maxGrowthBytes }) {
    if (!(maxGrowthBytes >= 0)) throw new EdgecError("BAD_OPTION", `maxGrowthBytes of fold-constants is ${maxGrowthBytes}; it must be 0 or more bytes`);
  },
  async run(model, { maxGrowthBytes }, { evaluator }) {
    const totals: Totals = { nodesFolded: 0, bytesAdded: 0, bytesRemoved: 0 };
    const diagnostics: Diagnostic[] = [];
    for (const editor of GraphEditor.forModel(model)) {
      if (evaluator) await foldGraph(model, editor, evaluator, maxGrowthBytes, totals);
      else if (diagnostics.length === 0 && frontierOf(foldableNodes(editor, new Set(), MIN_ELEMENTS), editor).length > 0) diagnostics.push(NO_EVALUATOR);
    }
    return { modified: totals.nodesFolded > 0, stats: { ...totals }, nodes: [], diagnostics };
  },
});

const NO_EVALUATOR: Diagnostic = {
  id: "fold-constants/no-runtime", severity: "info",
  message: "some values depend on constants alone, but no onnxruntime is at hand to compute them; they stay as they are",
};

interface FoldScope {
  readonly editor: GraphEditor;
  readonly foldable: ReadonlySet<Node>;
  /** The graph's own constants by name: a search through all of them for each node would be quadratic. */
  readonly own: ReadonlyMap<string, Tensor>;
}

/** Every round stores some values or rejects some nodes, so this ends. */
async function foldGraph(model: Model, editor: GraphEditor, evaluator: ConstantEvaluator, maxGrowthBytes: number, totals: Totals): Promise<void> {
  const rejected = new Set<Node>();
  for (;;) {
    const foldable = foldableNodes(editor, rejected, Math.max(MIN_ELEMENTS, maxGrowthBytes));
    const frontier = frontierOf(foldable, editor);
    if (frontier.length === 0) return;
    const evaluate = (nodes: readonly Node[]): Promise<ReadonlyMap<string, Tensor>> =>
      evaluator.evaluate(constantModel(model, editor, foldable, nodes.flatMap((node) => usedOutputs(node, editor))));
    const values = await evaluateParts(frontier, evaluate, { left: MAX_EVALUATIONS });
    const inside = new Set(foldable);
    const scope: FoldScope = { editor, foldable: inside, own: new Map(editor.graph.initializers.map((tensor) => [tensor.name ?? "", tensor])) };
    const accepted = frontier.filter((node) => isWorthwhile(node, values, scope, maxGrowthBytes) || void rejected.add(node));
    if (accepted.length > 0) store(accepted, values, scope, totals);
  }
}

/** Foldable nodes with a use outside the foldable ones. */
function frontierOf(foldable: readonly Node[], editor: GraphEditor): Node[] {
  const inside = new Set(foldable);
  return foldable.filter((node) => node.outputs.some((name) => editor.consumers(name).some((user) => !inside.has(user))));
}

function usedOutputs(node: Node, editor: GraphEditor): string[] {
  return node.outputs.filter((name) => name !== "" && editor.consumers(name).length > 0);
}

/** Evaluates all nodes at once; when that gives nothing, one half after the other. */
async function evaluateParts(nodes: readonly Node[], evaluate: (nodes: readonly Node[]) => Promise<ReadonlyMap<string, Tensor>>, budget: { left: number }): Promise<Map<string, Tensor>> {
  if (budget.left-- <= 0) return new Map();
  const values = new Map(await evaluate(nodes));
  if (values.size > 0 || nodes.length === 1) return values;
  const middle = nodes.length >> 1;
  const front = await evaluateParts(nodes.slice(0, middle), evaluate, budget);
  const back = await evaluateParts(nodes.slice(middle), evaluate, budget);
  return new Map([...front, ...back]);
}

function isWorthwhile(node: Node, values: ReadonlyMap<string, Tensor>, scope: FoldScope, maxGrowthBytes: number): boolean {
  const { editor, foldable } = scope;
  let bytes = 0;
  for (const name of usedOutputs(node, editor)) {
    const value = values.get(name);
    if (!value) return false;
    bytes += storedByteLength(value);
  }
  const gone = withSuperfluous([node], editor, foldable);
  const superfluous = constantsOnlyFor(gone, scope);
  const freed = superfluous.reduce((sum, tensor) => sum + storedByteLength(tensor), 0);
  return bytes - freed <= (isOp(node, ...MOVEMENTS) && leavesSource(gone, superfluous, editor) ? Math.min(maxGrowthBytes, MAX_COPY_BYTES) : maxGrowthBytes);
}

/** Operators that only move data: folding one whose source stays in the file would store the source twice. */
const MOVEMENTS = ["Concat", "DepthToSpace", "Flatten", "Gather", "Identity", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"] as const;
const MAX_COPY_BYTES = 1024;

/** Whether a constant of some size that the nodes read stays in the file. */
function leavesSource(nodes: ReadonlySet<Node>, superfluous: readonly Tensor[], editor: GraphEditor): boolean {
  const gone = new Set(superfluous);
  return [...nodes].some((node) => node.inputs.some((name) => {
    const tensor = editor.constant(name);
    return tensor !== undefined && !gone.has(tensor) && storedByteLength(tensor) > MAX_COPY_BYTES;
  }));
}

/** The nodes and those foldable ones that nothing but them uses. */
function withSuperfluous(nodes: readonly Node[], editor: GraphEditor, foldable: ReadonlySet<Node>): Set<Node> {
  const gone = new Set(nodes);
  const waiting = [...nodes];
  // A node that is looked at too early is looked at again when its last user goes.
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    for (const input of node.inputs) {
      const maker = editor.producer(input);
      if (!maker || gone.has(maker) || !foldable.has(maker)) continue;
      if (!maker.outputs.every((name) => editor.consumers(name).every((user) => gone.has(user)))) continue;
      gone.add(maker);
      waiting.push(maker);
    }
  }
  return gone;
}

/** Initializers of this graph whose every use is in `nodes`. */
function constantsOnlyFor(nodes: ReadonlySet<Node>, { editor, own }: FoldScope): Tensor[] {
  const names = new Set([...nodes].flatMap((node) => node.inputs));
  return [...names].flatMap((name) => {
    const tensor = editor.isOutput(name) || editor.input(name) ? undefined : own.get(name);
    return tensor && editor.consumers(name).every((user) => nodes.has(user)) ? [tensor] : [];
  });
}

function store(accepted: readonly Node[], values: ReadonlyMap<string, Tensor>, scope: FoldScope, totals: Totals): void {
  const { editor, foldable } = scope;
  const names = new Set(accepted.flatMap((node) => usedOutputs(node, editor)));
  const gone = withSuperfluous(accepted, editor, foldable);
  const freed = constantsOnlyFor(gone, scope);
  for (const { inputs, outputs } of gone) for (const from of inputs) for (const name of outputs) editor.recordDescent(from, name);
  editor.removeNodes(...gone);
  editor.removeInitializers(new Set(freed.map(({ name = "" }) => name)));
  for (const name of names) {
    const value = values.get(name);
    // What only nodes that are gone would use is not stored.
    if (!value || editor.consumers(name).length === 0) continue;
    editor.addInitializer({ ...value, name });
    totals.bytesAdded += storedByteLength(value);
  }
  editor.graph.valueInfo = editor.graph.valueInfo.filter((value) => !names.has(value.name));
  totals.nodesFolded += gone.size;
  totals.bytesRemoved += freed.reduce((sum, tensor) => sum + storedByteLength(tensor), 0);
}
