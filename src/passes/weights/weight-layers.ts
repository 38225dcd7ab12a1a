/** The weights of a model, each once however many operators share it, with what can be changed about it. */
import { GraphEditor, type Model, nodeLabel, type Node, subgraphsOf, type Tensor } from "../../ir/index.js";
import { weightSites, type WeightSite } from "../../ops/weights.js";
import type { NodeStatus } from "../contract.js";
import { codedUses } from "./coded-uses.js";
import { type MatrixLayout, matrixLayout } from "./weight-matrix.js";

/** One operator that uses a weight. */
export interface WeightUse extends WeightSite {
  readonly editor: GraphEditor;
  /** When the weight is integer codes: what they mean. */
  readonly coding?: WeightCoding;
}

/** Names of what turns codes into weights: scale × (code - zero point). An empty name is left out. */
export interface WeightCoding {
  readonly scale: string;
  readonly zeroPoint: string;
  /** The DequantizeLinear between the codes and the operator; absent when the operator itself takes codes. */
  readonly dequantize?: Node;
}

export interface WeightLayer {
  readonly tensor: Tensor;
  readonly uses: readonly [WeightUse, ...WeightUse[]];
  readonly layout: MatrixLayout;
  /** Why the values must not change, if so. */
  readonly obstacle?: string;
}

/** All constant weights, in node order: float weights, and codes behind a DequantizeLinear or in integer operators. */
export function weightLayers(model: Model): WeightLayer[] {
  const editors = GraphEditor.forModel(model);
  const uses = new Map<Tensor, WeightUse[]>();
  for (const editor of editors) {
    for (const use of [...weightSites(editor)].map((site) => ({ ...site, editor })).concat([...codedUses(editor)])) {
      const known = uses.get(use.tensor);
      if (known) known.push(use);
      else uses.set(use.tensor, [use]);
    }
  }
  const order = new Map(editors.flatMap(({ graph }) => graph.nodes).map((node, k) => [node, k]));
  const layers = [...uses.values()].map(([first, ...others]) => layerOf([first!, ...others], editors));
  return layers.sort((a, b) => (order.get(a.uses[0].node) ?? 0) - (order.get(b.uses[0].node) ?? 0));
}

function layerOf(uses: [WeightUse, ...WeightUse[]], editors: readonly GraphEditor[]): WeightLayer {
  const [{ tensor }] = uses;
  const layout = matrixLayout(uses[0]);
  const otherLayout = uses.find((use) => use.kind !== uses[0].kind && use.channelAxis !== uses[0].channelAxis && use.kind !== "embedding");
  const obstacle = otherLayout ? `operators use "${tensor.name ?? ""}" in different ways` : foreignUse(uses, editors);
  return { tensor, uses, layout, ...(obstacle === undefined ? {} : { obstacle }) };
}

/** A use of the constant that is none of `uses`, in words. */
function foreignUse(uses: readonly WeightUse[], editors: readonly GraphEditor[]): string | undefined {
  const { tensor } = uses[0]!;
  const name = tensor.name ?? "";
  const expectedAt = new Map<Node, number>();
  for (const { coding, node } of uses) expectedAt.set(coding?.dequantize ?? node, 1 + (expectedAt.get(coding?.dequantize ?? node) ?? 0));
  for (const editor of editors) {
    if (editor.constant(name) !== tensor) continue;
    if (editor.isOutput(name)) return `"${name}" is an output of the graph as well`;
    for (const node of editor.consumers(name)) {
      const expected = expectedAt.get(node) ?? 0;
      const direct = node.inputs.filter((input) => input === name).length;
      if (direct > 0 && expected < direct) return `"${name}" is also used by ${node.opType} "${nodeLabel(node)}"`;
      if (direct === 0 && subgraphsOf(node).length === 0) return `"${name}" is also used by ${node.opType} "${nodeLabel(node)}"`;
    }
  }
  return uses.map(foreignUseOfDequantized).find((obstacle) => obstacle !== undefined);
}

function foreignUseOfDequantized({ coding, editor, node }: WeightUse): string | undefined {
  const output = coding?.dequantize?.outputs[0];
  if (output === undefined || editor.soleConsumer(output) === node) return undefined;
  return "its dequantized values are used by several operators";
}

/** The line in the report for a layer: that of the first operator that uses it. */
export function layerStatus({ uses }: WeightLayer, status: NodeStatus["status"], reason: string): NodeStatus {
  const [{ node }] = uses;
  const others = uses.length > 1 ? ` (shared by ${uses.length} operators)` : "";
  return { name: nodeLabel(node), opType: node.opType, status, reason: reason + others };
}

