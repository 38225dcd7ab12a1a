/** Which constants several nodes share, and what a model takes in the file with what was made of them. */
import { DataType, GraphEditor, isOp, type Model, type Node, storedByteLength, type Tensor } from "../../../ir/index.js";
import { nodeWireSize, tensorWireSize } from "../../encode/wire-size.js";
import type { CopyLedger } from "./constant-copies.js";

/** Operators whose constants fusions make others of: layers, and the steps that go into them. */
const LAYERS = [
  "Conv",
  "ConvTranspose",
  "Gemm",
  "MatMul",
  "LSTM",
  "GRU",
  "RNN",
  "BatchNormalization",
  "Add",
  "Sub",
  "Mul",
  "Div",
] as const;

/**
 * Float constants of such nodes that more than one node reads, or that bodies or the caller read as well, each with
 * those of its readers that are such nodes.
 */
export function sharedConstants(model: Model): Map<Tensor, Node[]> {
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

export interface Bytes {
  /** What the nodes take, and the constants that something reads. */
  readonly total: number;
  /** For each shared constant, the bytes of those made of it, less its own when nothing reads it any more. */
  readonly growth: ReadonlyMap<Tensor, number>;
}

export function liveBytes(model: Model, ledger: CopyLedger): Bytes {
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
      if (ledger.isNew(tensor))
        for (const origin of ledger.originsOf(tensor))
          growth.set(origin, (growth.get(origin) ?? 0) + storedByteLength(tensor));
    }
  }
  for (const [origin, bytes] of growth) if (!live.has(origin)) growth.set(origin, bytes - storedByteLength(origin));
  return { total, growth };
}
