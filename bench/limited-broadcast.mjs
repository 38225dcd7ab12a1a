/**
 * Elementwise operators as they were before operator set 7: the second operand's axes are a run of the
 * first's, laid at `axis`. What only numpy's rule can say is written with the operators that there were.
 */
import { attribute, GraphEditor, isOp, makeNode, setAttribute } from "../build/ir/index.js";
import { analyzeShapes } from "../build/ops/shape-analysis.js";

const COMMUTATIVE = ["Add", "Mul", "And", "Or", "Xor", "Equal"];
/** a - b is -b + a, and a / b is 1/b · a: so the larger operand comes first. */
const TURNED = { Sub: ["Neg", "Add"], Div: ["Reciprocal", "Mul"] };

/** Changes the graph in place; returns the operator that cannot be expressed, or undefined. */
export function expressBroadcast(model, editor) {
  const editors = GraphEditor.forModel(model);
  const facts = analyzeShapes(editors).get(editors[0]);
  const shapeOf = (name) => facts.shape(name) ?? editor.constant(name)?.dims;
  for (const node of [...editor.graph.nodes]) {
    if (isOp(node, "Gemm") && shapeOf(node.inputs[2] ?? "")?.length === 1)
      setAttribute(node, attribute.int("broadcast", 1));
    if (isOp(node, ...COMMUTATIVE, "Sub", "Div", "Pow", "Greater", "Less") && !express(node, editor, shapeOf))
      return node.opType;
  }
  return undefined;
}

function express(node, editor, shapeOf) {
  const [a, b] = node.inputs.map(shapeOf);
  if (!a || !b) return false;
  // Sizes that are known only when it runs are taken to be equal: verification shows when they are not.
  if (
    a.length === b.length &&
    a.every((dim, k) => dim === b[k] || (typeof dim !== "number" && typeof b[k] !== "number"))
  )
    return true;
  if (align(node, editor, a, b)) return true;
  if (COMMUTATIVE.includes(node.opType)) {
    node.inputs.reverse();
    return align(node, editor, b, a);
  }
  const [inverse, operator] = TURNED[node.opType] ?? [];
  if (!inverse) return false;
  const inverted = editor.uniqueName(`${node.outputs[0]}_${inverse}`);
  const turned = makeNode(operator, [inverted, node.inputs[0]], node.outputs);
  if (!align(turned, editor, b, a)) return false;
  editor.replaceNode(node, makeNode(inverse, [node.inputs[1]], [inverted]), turned);
  return true;
}

/** Lays the second operand against the first: without its axes of size one in front and behind, at `axis`. */
function align(node, editor, a, b) {
  if (b.length > a.length) return false;
  const padded = [...new Array(a.length - b.length).fill(1), ...b];
  const differs = padded.map((dim, k) =>
    dim === 1 && a[k] !== 1 ? -1 : dim !== undefined && dim === a[k] ? 1 : 0,
  );
  if (differs.includes(0)) return false;
  const [from, to] = [padded.findIndex((dim) => dim !== 1), padded.findLastIndex((dim) => dim !== 1) + 1];
  if (from >= 0 && differs.slice(from, to).includes(-1)) return false;
  setAttribute(node, attribute.int("broadcast", 1));
  if (from < 0) return true;
  setAttribute(node, attribute.int("axis", from));
  node.inputs[1] = squeezed(
    node.inputs[1],
    editor,
    b,
    from - (a.length - b.length),
    to - (a.length - b.length),
  );
  return true;
}

function squeezed(name, editor, dims, from, to) {
  const axes = dims.flatMap((_, k) => (k < from || k >= to ? [k] : []));
  if (axes.length === 0) return name;
  const result = editor.uniqueName(`${name}_squeezed`);
  const tensor = editor.constant(name);
  if (tensor) return editor.addInitializer({ ...tensor, name: result, dims: dims.slice(from, to) });
  editor.insertAfter(
    editor.producer(name),
    makeNode("Squeeze", [name], [result], [attribute.ints("axes", axes)]),
  );
  return result;
}
