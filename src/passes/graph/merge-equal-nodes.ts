/**
 * merge-equal-nodes: common subexpression elimination. Of nodes that compute the same from the same inputs, the
 * first replaces the others.
 *
 *   a = Shape(x); b = Shape(x)   →   a = Shape(x), and b's users read a
 *
 * Equal means the same operator, domain, inputs in order, attributes and present outputs. Handles nodes of the
 * standard set without bodies. Left alone: random operators, nodes whose output is a graph output, and names
 * that a body shadows. One sweep in order finds whole equal chains. The method is hash consing (Ershov 1958).
 */
import {
  GraphEditor,
  hidesName,
  isStandard,
  nodeLabel,
  subgraphsOf,
  tensorBytes,
  type Attribute,
  type Node,
  type Tensor,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";
import { RANDOM_OPERATORS } from "../../ops/random-operators.js";

const RANDOM: ReadonlySet<string> = new Set([...RANDOM_OPERATORS, "Dropout"]);

/** Constants in attributes longer than this are not compared. */
const MAX_TENSOR_BYTES = 4096;

export const mergeEqualNodes = definePass<Record<string, never>>({
  name: "merge-equal-nodes",
  description: "Merge nodes that compute the same from the same inputs",
  lossy: false,
  defaults: {},
  run(model) {
    let merged = 0;
    for (const editor of GraphEditor.forModel(model)) merged += mergeGraph(editor);
    return exactResult({ nodesMerged: merged });
  },
});

function mergeGraph(editor: GraphEditor): number {
  const outputs = new Set(editor.graph.outputs.map(({ name }) => name));
  const seen = new Map<string, Node>();
  const gone: Node[] = [];
  /** Replacement names, applied together at the end. */
  const renamed = new Map<string, string>();
  for (const node of editor.graph.nodes) {
    const key = keyOf(node, renamed);
    if (key === undefined) continue;
    const first = seen.get(key);
    if (!first) seen.set(key, node);
    else if (!node.outputs.some((name) => outputs.has(name)) && redirect(node, first, editor, renamed))
      gone.push(node);
  }
  editor.replaceAllUses(renamed);
  if (gone.length > 0) editor.removeNodes(...gone);
  return gone.length;
}

/** A key for what the node computes; undefined if the node must not be merged. */
function keyOf(node: Node, renamed: ReadonlyMap<string, string>): string | undefined {
  if (!isStandard(node) || RANDOM.has(node.opType) || subgraphsOf(node).length > 0) return undefined;
  const attributes = node.attributes.map(attributeKey);
  if (attributes.includes(undefined)) return undefined;
  return JSON.stringify([
    node.opType,
    node.inputs.map((name) => renamed.get(name) ?? name),
    node.outputs.map((name) => name !== ""),
    attributes.sort(),
  ]);
}

function attributeKey({
  name,
  type,
  f,
  i,
  s,
  t,
  floats,
  ints,
  strings,
  refAttrName,
  ...others
}: Attribute): string | undefined {
  const rest = Object.entries(others).filter(([key, value]) => value !== undefined && key !== "docString");
  const tensor = t && tensorKey(t);
  if (refAttrName !== undefined || rest.length > 0 || (t && tensor === undefined)) return undefined;
  // -0 and 0 are different values, but JSON would write them the same.
  const reals = [f === undefined ? [] : [f], floats ?? []].map((list) =>
    list.map((value) => (Object.is(value, -0) ? "-0" : String(value))),
  );
  return JSON.stringify([
    name,
    type,
    reals,
    f !== undefined,
    String(i),
    s && [...s],
    tensor,
    ints?.map(String),
    strings?.map((bytes) => [...bytes]),
  ]);
}

function tensorKey(tensor: Tensor): string | undefined {
  if (tensor.external || tensor.segment || tensor.typed?.string) return undefined;
  const bytes = tensorBytes(tensor);
  return bytes.byteLength > MAX_TENSOR_BYTES
    ? undefined
    : JSON.stringify([tensor.dataType, tensor.dims, [...bytes]]);
}

function redirect(node: Node, first: Node, editor: GraphEditor, renamed: Map<string, string>): boolean {
  const pairs = node.outputs.flatMap((name, k) =>
    name === "" ? [] : [[name, first.outputs[k] ?? ""] as const],
  );
  if (pairs.some(([from, to]) => editor.consumers(from).some((user) => hidesName(user, to)))) return false;
  for (const [from, to] of pairs) renamed.set(from, to);
  editor.recordProvenance(nodeLabel(node), nodeLabel(first));
  return true;
}
