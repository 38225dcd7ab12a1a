/**
 * Holds fusions to a budget over the whole model: what they store anew may take no more bytes than what they free.
 *
 *   One convolution for five levels, a BatchNormalization behind each: folding would store its weight five times. It stays.
 *   The same with equal normalizations: one new weight serves all, and the old one goes.
 *
 * The fusions run, and are taken back where the model has grown by constants that several nodes read. Those that grow most
 * are then left alone, until the rest fits.
 */
import type { Diagnostic } from "../../../diagnostics.js";
import { copyModel, DataType, GraphEditor, isOp, type Model, type Node, nodeLabel, storedByteLength, type Tensor } from "../../../ir/index.js";
import { nodeWireSize, tensorWireSize } from "../../encode/wire-size.js";
import type { NodeStatus, PassResult } from "../../contract.js";
import { CopyLedger } from "./constant-copies.js";

/** What a pass does to the model; returns how often it did. */
export type Fold = (model: Model, ledger: CopyLedger) => number;

/** Nodes are named in a diagnostic up to this many. */
const MOST_NAMES = 3;

/** The result of an exact pass, whose count is called `stat`. */
export function foldWithinBudget(model: Model, { pass, stat }: { readonly pass: string; readonly stat: string }, fold: Fold): PassResult {
  const shared = sharedConstants(model);
  if (shared.size === 0) return resultOf(stat, fold(model, new CopyLedger()));
  const original = copyModel(model);
  const fixed = new Map<Tensor, number>();
  for (;;) {
    const ledger = new CopyLedger(shared, fixed);
    const count = fold(model, ledger);
    const { excess: over, growers } = count === 0 ? NOTHING : grownBy(original, model, ledger);
    if (over <= 0 || growers.length === 0) return resultOf(stat, count, [...fixed].map(([tensor, bytes]) => left(pass, tensor, bytes, shared.get(tensor) ?? [])));
    restore(model, original);
    for (let excess = over; excess > 0 && growers.length > 0;) {
      const [tensor, bytes] = growers.shift()!;
      fixed.set(tensor, bytes);
      excess -= bytes;
    }
  }
}

interface Grown {
  /** Bytes that the model takes more than before. */
  readonly excess: number;
  /** Shared constants that others were made of, with the bytes that came of it, the most first. */
  readonly growers: [Tensor, number][];
}

const NOTHING: Grown = { excess: 0, growers: [] };

function grownBy(before: Model, after: Model, ledger: CopyLedger): Grown {
  const { total, growth } = liveBytes(after, ledger);
  return { excess: total - liveBytes(before, ledger).total, growers: [...growth].sort(([, a], [, b]) => b - a) };
}

interface Left { readonly nodes: readonly NodeStatus[]; readonly diagnostic: Diagnostic }

function resultOf(stat: string, count: number, kept: readonly Left[] = []): PassResult {
  return { modified: count > 0, stats: { [stat]: count }, nodes: kept.flatMap(({ nodes }) => nodes), diagnostics: kept.map(({ diagnostic }) => diagnostic) };
}

function left(pass: string, { name = "" }: Tensor, bytes: number, readers: readonly Node[]): Left {
  const reason = `shares "${name}" with other nodes; copies of its own would add ${bytes.toLocaleString("en-US")} bytes to the model`;
  const labels = readers.slice(0, MOST_NAMES).map((node) => `"${nodeLabel(node)}"`).join(", ") + (readers.length > MOST_NAMES ? ", …" : "");
  return {
    nodes: readers.map((node) => ({ name: nodeLabel(node), opType: node.opType, status: "kept", reason })),
    diagnostic: {
      id: `${pass}/shared-constant`, severity: "info", subject: readers[0] ? nodeLabel(readers[0]) : name,
      message: `${pass} leaves what stands next to ${labels} as it is: ${readers.length === 1 ? "it shares" : "they share"} "${name}", and copies of it would add ${bytes.toLocaleString("en-US")} bytes to the model`,
    },
  };
}

/** Puts the graph back as it was; the model and its graph stay the same objects. */
function restore(model: Model, original: Model): void {
  const { graph, descent, ...rest } = copyModel(original);
  Object.assign(model, rest);
  Object.assign(model.graph, graph);
  if (descent) model.descent = descent;
  else delete model.descent;
}

/** Operators whose constants fusions make others of: layers, and the steps that go into them. */
const LAYERS = ["Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "BatchNormalization", "Add", "Sub", "Mul", "Div"] as const;

/**
 * Float constants of such nodes that more than one node reads, or that bodies or the caller read as well, each with those of
 * its readers that are such nodes.
 */
function sharedConstants(model: Model): Map<Tensor, Node[]> {
  const readers = new Map<Tensor, Node[]>();
  const taken = new Set<Tensor>();
  for (const editor of GraphEditor.forModel(model)) {
    for (const node of editor.graph.nodes) for (const name of editor.usedNames(node)) note(editor, node, name);
    for (const { name } of editor.graph.outputs) take(editor.constant(name));
  }
  return new Map([...readers].filter(([tensor, nodes]) => nodes.length > 1 || taken.has(tensor)));

  function note(editor: GraphEditor, node: Node, name: string): void {
    const tensor = editor.constant(name);
    if (tensor?.dataType !== DataType.FLOAT) return;
    const known = readers.get(tensor);
    if (!isOp(node, ...LAYERS) || !node.inputs.includes(name)) take(tensor);
    else if (known) known.push(node);
    else readers.set(tensor, [node]);
  }

  function take(tensor: Tensor | undefined): void {
    if (tensor) taken.add(tensor);
  }
}

interface Bytes {
  /** What the nodes take, and the constants that something reads. */
  readonly total: number;
  /** For each shared constant, the bytes of those made of it, less its own when nothing reads it any more. */
  readonly growth: ReadonlyMap<Tensor, number>;
}

function liveBytes(model: Model, ledger: CopyLedger): Bytes {
  let total = 0;
  const growth = new Map<Tensor, number>();
  const live = new Set<Tensor>();
  for (const editor of GraphEditor.forModel(model)) {
    for (const node of editor.graph.nodes) total += nodeWireSize(node);
    for (const tensor of editor.graph.initializers) {
      const name = tensor.name ?? "";
      if (editor.consumers(name).length === 0 && !editor.isOutput(name) && !editor.input(name)) continue;
      live.add(tensor);
      total += tensorWireSize(tensor);
      if (ledger.isNew(tensor)) for (const origin of ledger.originsOf(tensor)) growth.set(origin, (growth.get(origin) ?? 0) + storedByteLength(tensor));
    }
  }
  for (const [origin, bytes] of growth) if (!live.has(origin)) growth.set(origin, bytes - storedByteLength(origin));
  return { total, growth };
}
