/** Expands a call of a model-local function: the function's nodes under the caller's names. */
import { copyAttribute, copyNode } from "./copy.js";
import type { Graph, Node, Attribute } from "./graph.js";
import type { FunctionDef } from "./model.js";
import { subgraphsOf } from "./traverse.js";

/**
 * Copies of the nodes of `fn` that read and write the values of `call`. Attributes that refer to one of the
 * call get its value or the function's default, and are omitted if there is neither. Node names stay the same.
 * @param rename maps a value of the function to a name in the calling graph
 */
export function callBody(call: Node, fn: FunctionDef, rename: (name: string) => string): Node[] {
  const names = new Map<string, string>([["", ""]]);
  fn.inputs.forEach((name, k) => names.set(name, call.inputs[k] ?? ""));
  const attributes = new Map<string, Attribute>(
    [...fn.attributeDefaults, ...call.attributes].map((attribute) => [attribute.name, attribute]),
  );
  const passedThrough: Node[] = [];
  fn.outputs.forEach((name, k) => {
    const given = call.outputs[k] ?? "";
    const outer = given === "" ? rename(name) : given;
    // An output that is also an input, or another output, needs an Identity.
    if (names.has(name))
      passedThrough.push({
        opType: "Identity",
        inputs: [names.get(name) ?? ""],
        outputs: [outer],
        attributes: [],
      });
    else names.set(name, outer);
  });
  return [
    ...fn.nodes.map((node) => instantiate(copyNode(node), { names, attributes, rename })),
    ...passedThrough,
  ];
}

interface Scope {
  readonly names: Map<string, string>;
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly rename: (name: string) => string;
}

/** Renames in place the inputs and outputs of the copied node, also in its bodies. */
function instantiate(node: Node, scope: Scope): Node {
  const { names, attributes, rename } = scope;
  node.inputs = node.inputs.map((name) => names.get(name) ?? name);
  node.outputs = node.outputs.map((name) => {
    const known = names.get(name) ?? rename(name);
    names.set(name, known);
    return known;
  });
  const passed = new Set<Graph>();
  node.attributes = node.attributes.flatMap((attribute) => {
    if (attribute.refAttrName === undefined || attribute.refAttrName === "") return [attribute];
    const given = attributes.get(attribute.refAttrName);
    // A body passed by the caller is copied, because several nodes may use it and each is edited separately.
    if (!given) return [];
    const copy = { ...copyAttribute(given), name: attribute.name };
    for (const body of [...(copy.g ? [copy.g] : []), ...(copy.graphs ?? [])]) passed.add(body);
    return [copy];
  });
  // A passed body captures the caller's names, not those of the function.
  for (const body of subgraphsOf(node))
    instantiateBody(
      body,
      passed.has(body)
        ? { names: new Map(), attributes: new Map(), rename }
        : { ...scope, names: new Map(names) },
    );
  return node;
}

function instantiateBody(body: Graph, scope: Scope): void {
  const own = (name: string): string => {
    const renamed = name === "" ? "" : scope.rename(name);
    scope.names.set(name, renamed);
    return renamed;
  };
  for (const input of body.inputs) input.name = own(input.name);
  body.initializers = body.initializers.map((tensor) => ({ ...tensor, name: own(tensor.name ?? "") }));
  for (const node of body.nodes) for (const output of node.outputs) own(output);
  for (const node of body.nodes) instantiate(node, scope);
  for (const value of [...body.outputs, ...body.valueInfo])
    value.name = scope.names.get(value.name) ?? value.name;
}
