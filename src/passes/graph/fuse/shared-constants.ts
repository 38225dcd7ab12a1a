/** Finds the constants that several nodes share, and measures the model and the constants derived from them. */
import {
  DataType,
  GraphEditor,
  isOp,
  type Model,
  type Node,
  storedByteLength,
  type Tensor,
} from "../../../ir/index.js";
import { nodeWireSize, tensorWireSize } from "../../encode/wire-size.js";
import type { CopyLedger } from "./constant-copies.js";

/** Operators whose constants fusions replace: layers, and the steps that are folded into them. */
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
 * Float constants of such nodes that have several readers, including bodies and the caller, each with its
 * readers of such kinds.
 */
export function sharedConstants(model: Model): Map<Tensor, Node[]> {
  const readers = new Map<Tensor, Node[]>();
  const taken = new Set<Tensor>();
  for (const editor of GraphEditor.forModel(model)) {
    for (const node of editor.graph.nodes)
      for (const name of editor.usedNames(node)) note(editor, node, name);
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
  /** The bytes of the nodes, and of the constants that something reads. */
  readonly total: number;
  /**
   * For each shared constant, the bytes of the constants derived from it, minus its own if nothing reads it any
   * more.
   */
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
  for (const [origin, bytes] of growth)
    if (!live.has(origin)) growth.set(origin, bytes - storedByteLength(origin));
  return { total, growth };
}
