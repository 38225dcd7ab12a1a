/**
 * fold-constants: computes at compression time what does not depend on the model's inputs.
 *
 *   nodes fed by constants alone        becomes        the constants they give
 *
 * All such nodes of a graph are put into one model without inputs, which the injected evaluator (onnxruntime) runs
 * once. Handles every scope, nodes of the standard operator set without bodies. Left alone: random operators, Q/DQ
 * (they are the model's int8 form), nodes that make graph outputs, and results that would grow the file by more than
 * `maxGrowthBytes` beyond the constants they replace.
 */
import { DataType, elementCount, emptyGraph, GraphEditor, isOp, type Model, type Node, storedByteLength, subgraphsOf, type Tensor } from "../../ir/index.js";
import type { ConstantEvaluator, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** Operators that give other values at every run, or that say how the model is quantized. */
const NEVER_FOLDED = [
  "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout",
  "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Constant",
];

export interface FoldConstantsOptions {
  /** Bytes by which one result may exceed the constants that go for it. */
  readonly maxGrowthBytes: number;
}

export const foldConstants = definePass<FoldConstantsOptions>({
  name: "fold-constants",
  description: "Compute what does not depend on the model's inputs",
  lossy: false,
  defaults: { maxGrowthBytes: 65536 },
  run: foldModel,
});

async function foldModel(model: Model, options: FoldConstantsOptions, context: PassContext): Promise<PassResult> {
  let folded = 0;
  let seen = 0;
  for (const editor of GraphEditor.forModel(model)) {
    const nodes = constantNodes(editor);
    seen += nodes.length;
    if (nodes.length > 0 && context.evaluator) folded += await foldAll(model, editor, nodes, options, context.evaluator);
  }
  const result = exactResult({ folded });
  if (seen === 0 || context.evaluator) return result;
  const message = `${seen} node(s) depend on constants alone; install onnxruntime-node to have them computed.`;
  return { ...result, diagnostics: [{ id: "fold-constants/no-runtime", severity: "info", message }] };
}

/** One evaluation for all; where that fails, one for each node that hangs on constants directly, so that only the culprit stays. */
async function foldAll(model: Model, editor: GraphEditor, nodes: Node[], options: FoldConstantsOptions, evaluator: ConstantEvaluator): Promise<number> {
  const together = await foldGraph(model, editor, nodes, options, evaluator);
  if (together > 0 || nodes.length === 1) return together;
  let folded = 0;
  for (const node of nodes) {
    const isDirect = node.inputs.every((name) => name === "" || editor.constant(name) !== undefined);
    if (isDirect) folded += await foldGraph(model, editor, [node], options, evaluator);
  }
  return folded;
}

/** In order: nodes whose inputs are all constants, or made by such nodes. */
function constantNodes(editor: GraphEditor): Node[] {
  const made = new Set<string>();
  return editor.graph.nodes.filter((node) => {
    const isConstant = (name: string): boolean => name === "" || made.has(name) || isPlainConstant(editor.constant(name)) && !editor.input(name);
    const foldable = (node.domain ?? "") === "" && !isOp(node, ...NEVER_FOLDED) && subgraphsOf(node).length === 0
      && node.inputs.every(isConstant) && !node.outputs.some((output) => editor.isOutput(output));
    if (foldable) for (const output of node.outputs) made.add(output);
    return foldable;
  });
}

/** Values at hand: strings and external tensors are not worth loading. */
function isPlainConstant(tensor: Tensor | undefined): boolean {
  return tensor !== undefined && tensor.dataType !== DataType.STRING && tensor.external === undefined;
}

async function foldGraph(model: Model, editor: GraphEditor, nodes: Node[], { maxGrowthBytes }: FoldConstantsOptions, evaluator: ConstantEvaluator): Promise<number> {
  const members = new Set(nodes);
  const wanted = nodes.flatMap((node) => node.outputs.filter((output) => output !== "" && editor.consumers(output).some((user) => !members.has(user))));
  const inputs = new Set(nodes.flatMap((node) => node.inputs.filter((name) => editor.constant(name) !== undefined)));
  const initializers = [...inputs].map((name) => ({ ...editor.constant(name)!, name }));
  const graph = { ...emptyGraph("constants"), nodes, initializers, outputs: wanted.map((name) => ({ name })) };
  const values = await evaluator.evaluate({ ...model, graph, metadata: [], trainingInfo: [] });
  const released = initializers.reduce((sum, tensor) => sum + (editor.consumers(tensor.name).every((user) => members.has(user)) ? storedByteLength(tensor) : 0), 0);
  let folded = 0;
  for (const name of wanted) {
    const tensor = values.get(name);
    if (!tensor || elementCount(tensor) === 0 || storedByteLength(tensor) > released + maxGrowthBytes) continue;
    const constant = editor.addInitializer({ ...tensor, name: editor.uniqueName(`${name}_value`) });
    editor.replaceUses(name, constant);
    folded++;
  }
  return folded;
}
