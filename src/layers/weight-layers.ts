/** The weights of a model, each listed once however many operators share it, and whether it can be changed. */
import { GraphEditor, type Model, nodeLabel, type Node, subgraphsOf, type Tensor } from "../ir/index.js";
import { scopeOf } from "./weight-view.js";
import { codedLayers, type Layer, plainLayers } from "./layer.js";
import { isSameLayout, type MatrixLayout, matrixLayout } from "./weight-matrix.js";

/** A weight with the layers that use it. */
export interface WeightLayer {
  readonly tensor: Tensor;
  readonly uses: readonly [Layer, ...Layer[]];
  /** Rows and columns for the first use that multiplies by the weight. */
  readonly layout: MatrixLayout;
  /** Whether all operators that multiply by it have these rows and columns. */
  readonly isUniform: boolean;
  /** The reason if the values must not change. */
  readonly obstacle?: string;
}

/**
 * All constant weights, in node order: float weights, and codes read through a DequantizeLinear or by integer
 * operators.
 */
export function weightLayers(model: Model): WeightLayer[] {
  const editors = GraphEditor.forModel(model);
  const uses = new Map<Tensor, Layer[]>();
  for (const editor of editors) {
    for (const use of [...plainLayers(editor), ...codedLayers(editor)]) {
      const known = uses.get(use.tensor);
      if (known) known.push(use);
      else uses.set(use.tensor, [use]);
    }
  }
  const order = new Map(editors.flatMap(({ graph }) => graph.nodes).map((node, k) => [node, k]));
  const layers = [...uses.values()].map((own) => {
    // For codes, the operators that multiply by them determine how a kernel sums them.
    const [first, ...others] = own.some(({ coding }) => coding)
      ? [...own].sort((a, b) => Number(a.kind === "embedding") - Number(b.kind === "embedding"))
      : own;
    return layerOf([first!, ...others], editors);
  });
  return layers.sort((a, b) => (order.get(a.uses[0].node) ?? 0) - (order.get(b.uses[0].node) ?? 0));
}

function layerOf(uses: [Layer, ...Layer[]], editors: readonly GraphEditor[]): WeightLayer {
  const [{ tensor }] = uses;
  const [layout = matrixLayout(uses[0]), ...others] = uses
    .filter(({ kind }) => kind !== "embedding")
    .map(matrixLayout);
  const isUniform = others.every((other) => isSameLayout(layout, other));
  const otherWay =
    !isUniform && uses.some(({ coding }) => coding)
      ? `operators use the codes "${tensor.name ?? ""}" in different ways`
      : undefined;
  const obstacle = otherWay ?? foreignUse(uses, editors);
  return { tensor, uses, layout, isUniform, ...(obstacle === undefined ? {} : { obstacle }) };
}

/** Describes a use of the constant, or of a value on the way to an operator, that is not in `uses`. */
function foreignUse(uses: readonly Layer[], editors: readonly GraphEditor[]): string | undefined {
  const { tensor } = uses[0]!;
  const known = knownReads(uses);
  const made = new Set(uses.flatMap(({ path }) => path));
  const values = [
    {
      name: tensor.name ?? "",
      isSeen: (editor: GraphEditor) => editor.constant(tensor.name ?? "") === tensor,
    },
    ...[...made].map((maker) => {
      const name = maker.outputs[0] ?? "";
      return { name, isSeen: (editor: GraphEditor) => scopeOf(editor, name)?.producer(name) === maker };
    }),
  ];
  for (const { name, isSeen } of values) {
    for (const editor of editors) {
      const found = isSeen(editor) ? foreignRead(editor, name, tensor.name ?? "", known) : undefined;
      if (found !== undefined) return found;
    }
  }
  return uses.map(foreignUseOfDequantized).find((obstacle) => obstacle !== undefined);
}

/** How often each node reads the constant or a value on the way, as one of the uses or on the way to one. */
function knownReads(uses: readonly Layer[]): Map<Node, number> {
  const reads = new Map<Node, number>();
  for (const node of new Set(uses.flatMap(({ path }) => path))) reads.set(node, 1);
  for (const { node } of uses) reads.set(node, (reads.get(node) ?? 0) + 1);
  return reads;
}

function foreignRead(
  editor: GraphEditor,
  name: string,
  weight: string,
  known: ReadonlyMap<Node, number>,
): string | undefined {
  if (editor.isOutput(name)) return `"${name}" is also a graph output`;
  for (const node of editor.consumers(name)) {
    const direct = node.inputs.filter((input) => input === name).length;
    // Values captured by a body are checked in the body.
    if (direct === 0 && subgraphsOf(node).length > 0) continue;
    if (direct === 0 || (known.get(node) ?? 0) < direct)
      return `"${weight}" is also used by ${node.opType} "${nodeLabel(node)}"`;
  }
  return undefined;
}

function foreignUseOfDequantized({ coding, editor, node }: Layer): string | undefined {
  const output = coding?.dequantize?.outputs[0];
  if (output === undefined || editor.soleConsumer(output) === node) return undefined;
  return "its dequantized values are used by several operators";
}
