/** The weights of a model, each once however many operators share it, with what can be changed about it. */
import { GraphEditor, type Model, nodeLabel, type Node, subgraphsOf, type Tensor } from "../../ir/index.js";
import { scopeOf } from "../../ops/weight-view.js";
import { weightSites, type WeightSite } from "../../ops/weights.js";
import type { NodeStatus } from "../contract.js";
import { codedUses } from "./coded-uses.js";
import { isSameLayout, type MatrixLayout, matrixLayout } from "./weight-matrix.js";

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
  /** Rows and columns for the first use that multiplies by the weight. */
  readonly layout: MatrixLayout;
  /** Whether all that multiply by it have these rows and columns. */
  readonly isUniform: boolean;
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
  const layers = [...uses.values()].map((own) => {
    // Of codes, what says how a kernel sums them is what multiplies by them.
    const [first, ...others] = own.some(({ coding }) => coding)
      ? [...own].sort((a, b) => Number(a.kind === "embedding") - Number(b.kind === "embedding")) : own;
    return layerOf([first!, ...others], editors);
  });
  return layers.sort((a, b) => (order.get(a.uses[0].node) ?? 0) - (order.get(b.uses[0].node) ?? 0));
}

function layerOf(uses: [WeightUse, ...WeightUse[]], editors: readonly GraphEditor[]): WeightLayer {
  const [{ tensor }] = uses;
  const [layout = matrixLayout(uses[0]), ...others] = uses.filter(({ kind }) => kind !== "embedding").map(matrixLayout);
  const isUniform = others.every((other) => isSameLayout(layout, other));
  const otherWay = !isUniform && uses.some(({ coding }) => coding)
    ? `operators use the codes "${tensor.name ?? ""}" in different ways` : undefined;
  const obstacle = otherWay ?? foreignUse(uses, editors);
  return { tensor, uses, layout, isUniform, ...(obstacle === undefined ? {} : { obstacle }) };
}

/** A use of the constant, or of what nodes on the way to an operator make of it, that is none of `uses`, in words. */
function foreignUse(uses: readonly WeightUse[], editors: readonly GraphEditor[]): string | undefined {
  const { tensor } = uses[0]!;
  const known = knownReads(uses);
  const made = new Set(uses.flatMap(({ path }) => path));
  const values = [{ name: tensor.name ?? "", isSeen: (editor: GraphEditor) =>
    editor.constant(tensor.name ?? "") === tensor }, ...[...made].map((maker) => {
    const name = maker.outputs[0] ?? "";
    return { name, isSeen: (editor: GraphEditor) => scopeOf(editor, name)?.producer(name) === maker };
  })];
  for (const { name, isSeen } of values) {
    for (const editor of editors) {
      const found = isSeen(editor) ? foreignRead(editor, name, tensor.name ?? "", known) : undefined;
      if (found !== undefined) return found;
    }
  }
  return uses.map(foreignUseOfDequantized).find((obstacle) => obstacle !== undefined);
}

/** How often each node reads the constant, or what was made of it, as one of the uses or on the way to one. */
function knownReads(uses: readonly WeightUse[]): Map<Node, number> {
  const reads = new Map<Node, number>();
  for (const node of new Set(uses.flatMap(({ path }) => path))) reads.set(node, 1);
  for (const { node } of uses) reads.set(node, (reads.get(node) ?? 0) + 1);
  return reads;
}

function foreignRead(
  editor: GraphEditor, name: string, weight: string, known: ReadonlyMap<Node, number>,
): string | undefined {
  if (editor.isOutput(name)) return `"${name}" is an output of the graph as well`;
  for (const node of editor.consumers(name)) {
    const direct = node.inputs.filter((input) => input === name).length;
    // What a body captures is looked at in the body.
    if (direct === 0 && subgraphsOf(node).length > 0) continue;
    if (direct === 0 || (known.get(node)
      ?? 0) < direct) return `"${weight}" is also used by ${node.opType} "${nodeLabel(node)}"`;
  }
  return undefined;
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

