/**
 * Finds the operators that are layers of a network, whether or not their weights can be read: stored as codes,
 * in half precision through Cast, in operators of other sets (Attention, FusedMatMul), in integer operators, or
 * in bodies.
 */
import { type GraphEditor, isStandard, type Node, subgraphsOf } from "../ir/index.js";
import { weightFact } from "../ops/weights.js";

/** Operators on codes that are layers, like their float counterparts. */
const ON_CODES: readonly string[] = [
  "QLinearConv",
  "ConvInteger",
  "QLinearMatMul",
  "MatMulInteger",
  "Einsum",
  "DeformConv",
];

/** @param carriers layers whose weights are constants of floats or codes */
export function layerNodes(editor: GraphEditor, carriers: ReadonlySet<Node>): Set<Node> {
  const fixed = new Fixed(editor);
  const layers = new Set(carriers);
  for (const node of editor.graph.nodes) {
    if (!fixed.has(node) && isLayer(node, fixed)) layers.add(node);
    fixed.add(node);
  }
  return layers;
}

function isLayer(node: Node, fixed: Fixed): boolean {
  const weights = weightFact(node)?.weights;
  if (weights) return weights.some((index) => fixed.isMatrix(node.inputs[index]));
  if (!isStandard(node) || ON_CODES.includes(node.opType))
    return node.inputs.some((name) => fixed.isMatrix(name));
  return subgraphsOf(node).some((body) =>
    body.nodes.some((inner) => weightFact(inner) !== undefined && inner.opType !== "Gather"),
  );
}

/** Values that depend only on constants, in node order. */
class Fixed {
  private readonly computed = new Set<string>();

  constructor(private readonly editor: GraphEditor) {}

  add(node: Node): void {
    if (this.has(node)) for (const output of node.outputs) this.computed.add(output);
  }

  has(node: Node): boolean {
    const inputs = node.inputs.filter((name) => name !== "");
    if (node.opType === "Constant") return true;
    return (
      inputs.length > 0 &&
      subgraphsOf(node).length === 0 &&
      inputs.every((name) => this.computed.has(name) || this.editor.constant(name) !== undefined)
    );
  }

  /** The rank of computed weights is not known: codes and tables for weights are mostly flat. */
  isMatrix(name: string | undefined): boolean {
    if (name === undefined || name === "") return false;
    return this.computed.has(name) || (this.editor.constant(name)?.dims.length ?? 0) > 1;
  }
}
