/**
 * inline-functions: puts the body of a model-local function where it is called.
 *
 * Before: Block(x) with function Block(a) { b = Relu(a) }. After: b = Relu(x); remove-dead drops the function. What a
 * function holds is out of sight of every other pass, and onnxruntime inlines functions at load anyway.
 *
 * Handles calls in every scope and in other functions, attributes that refer to the caller's (with their defaults), and
 * bodies of If, Loop and Scan within functions. Stays: functions of another version of an operator set than the
 * model's or, where it has none, than that of other functions; functions that call themselves or one that does; and all of
 * them when the model would grow beyond a million nodes.
 */
import {
  type Attribute, copyNode, type FunctionDef, functionKey, type Graph, GraphEditor, type Model, nestedGraphs, type Node, opsetVersion, setOpsetVersion, subgraphsOf,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

const MAX_NODES = 1e6;

export const inlineFunctions = definePass<Record<string, never>>({
  name: "inline-functions",
  description: "puts the body of a model-local function where it is called",
  lossy: false,
  defaults: {},
  run(model) {
    const functions = agreeing(model);
    const sizes = expandedSizes(functions);
    for (const [key, fn] of functions) if (!sizes.has(fn)) functions.delete(key);
    const size = [...nestedGraphs(model.graph)].reduce((sum, { nodes }) => sum + sizeOf(nodes, functions, sizes), 0);
    if (functions.size === 0 || size > MAX_NODES) return exactResult({ callsInlined: 0 });
    const calls = inlineCalls(model, functions);
    if (calls > 0) importOperators(model, functions);
    return exactResult({ callsInlined: calls });
  },
});

type Functions = Map<string, FunctionDef>;

function calleeOf(node: Node, functions: Functions): FunctionDef | undefined {
  return functions.get(functionKey(node.domain, node.opType, node.overload));
}

function* nodesOf(fn: FunctionDef): Generator<Node> {
  yield* fn.nodes;
  for (const node of fn.nodes) for (const body of subgraphsOf(node)) for (const graph of nestedGraphs(body)) yield* graph.nodes;
}

/** Functions whose operators mean the same in the model. Of a set that the model lacks, all functions must bring one version. */
function agreeing(model: Model): Functions {
  const brought = new Map<string, bigint | undefined>();
  for (const { domain = "", version = 0n } of model.functions.flatMap((fn) => fn.opsetImports)) {
    if (opsetVersion(model, domain) === 0) brought.set(domain, brought.has(domain) && brought.get(domain) !== version ? undefined : version);
  }
  const agrees = ({ opsetImports }: FunctionDef): boolean => opsetImports.every(({ domain = "", version = 0n }) =>
    (brought.has(domain) ? brought.get(domain) === version : opsetVersion(model, domain) === Number(version)));
  return new Map(model.functions.filter(agrees).map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
}

/**
 * Nodes that each function comes to once every call in it is inlined, from the innermost outward (Kahn 1962). Functions that
 * end in themselves, or call one that does, are absent.
 */
function expandedSizes(functions: Functions): Map<FunctionDef, number> {
  const callers = new Map<FunctionDef, FunctionDef[]>([...functions.values()].map((fn) => [fn, []]));
  const open = new Map<FunctionDef, number>();
  for (const fn of functions.values()) {
    const callees = new Set([...nodesOf(fn)].flatMap((node) => calleeOf(node, functions) ?? []));
    open.set(fn, callees.size);
    for (const callee of callees) callers.get(callee)?.push(fn);
  }
  const sizes = new Map<FunctionDef, number>();
  const ready = [...functions.values()].filter((fn) => open.get(fn) === 0);
  for (let fn = ready.pop(); fn; fn = ready.pop()) {
    sizes.set(fn, sizeOf(nodesOf(fn), functions, sizes));
    for (const caller of callers.get(fn) ?? []) {
      const left = (open.get(caller) ?? 0) - 1;
      open.set(caller, left);
      if (left === 0) ready.push(caller);
    }
  }
  return sizes;
}

function sizeOf(nodes: Iterable<Node>, functions: Functions, sizes: ReadonlyMap<FunctionDef, number>): number {
  let size = 0;
  for (const node of nodes) {
    const callee = calleeOf(node, functions);
    size += callee ? sizes.get(callee) ?? 1 : 1;
  }
  return size;
}

/** Inlines until no call is left in the graphs; returns how many there were. */
function inlineCalls(model: Model, functions: Functions): number {
  let count = 0;
  for (let found = true; found;) {
    found = false;
    // Bodies that functions bring have editors of their own from the next round on.
    for (const editor of GraphEditor.forModel(model)) {
      const { nodes, calls } = expanded(editor, functions);
      if (calls === 0) continue;
      editor.graph.nodes = nodes;
      count += calls;
      found = true;
    }
  }
  return count;
}

/** The graph's nodes with every call replaced, and the calls within what replaced it. */
function expanded(editor: GraphEditor, functions: Functions): { readonly nodes: Node[]; readonly calls: number } {
  const nodes: Node[] = [];
  let calls = 0;
  const waiting = [...editor.graph.nodes].reverse();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const callee = calleeOf(node, functions);
    if (!callee) {
      nodes.push(node);
      continue;
    }
    for (const inner of bodyFor(node, callee, editor).reverse()) waiting.push(inner);
    calls++;
  }
  return { nodes, calls };
}

/** The function's nodes with the caller's names and attributes; names of their own are made unique in the model. */
function bodyFor(call: Node, fn: FunctionDef, editor: GraphEditor): Node[] {
  const names = new Map<string, string>([["", ""]]);
  fn.inputs.forEach((name, k) => names.set(name, call.inputs[k] ?? ""));
  const attributes = new Map<string, Attribute>([...fn.attributeDefaults, ...call.attributes].map((attribute) => [attribute.name, attribute]));
  const passedThrough: Node[] = [];
  fn.outputs.forEach((name, k) => {
    const given = call.outputs[k] ?? "";
    const outer = given === "" ? editor.uniqueName(name) : given;
    // An output that is an input, or another output as well, needs a node that hands it on.
    if (names.has(name)) passedThrough.push({ opType: "Identity", inputs: [names.get(name) ?? ""], outputs: [outer], attributes: [] });
    else names.set(name, outer);
  });
  const scope: Scope = { names, attributes, rename: (name) => editor.uniqueName(name), label: call.name };
  return [...fn.nodes.map((node) => instantiate(copyNode(node), scope)), ...passedThrough];
}

interface Scope {
  readonly names: Map<string, string>;
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly rename: (name: string) => string;
  readonly label: string | undefined;
}

/** Renames in place what the copied node reads and makes, in its bodies too. */
function instantiate(node: Node, scope: Scope): Node {
  const { names, attributes, rename, label } = scope;
  node.inputs = node.inputs.map((name) => names.get(name) ?? name);
  node.outputs = node.outputs.map((name) => {
    const known = names.get(name) ?? rename(name);
    names.set(name, known);
    return known;
  });
  if (node.name) node.name = rename(label ? `${label}/${node.name}` : node.name);
  node.attributes = node.attributes.flatMap((attribute) => {
    if (attribute.refAttrName === undefined || attribute.refAttrName === "") return [attribute];
    const given = attributes.get(attribute.refAttrName);
    return given ? [{ ...given, name: attribute.name }] : [];
  });
  for (const body of subgraphsOf(node)) instantiateBody(body, { ...scope, names: new Map(names) });
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
  for (const value of [...body.outputs, ...body.valueInfo]) value.name = scope.names.get(value.name) ?? value.name;
}

function importOperators(model: Model, functions: Functions): void {
  for (const fn of functions.values()) {
    for (const { domain = "", version = 0n } of fn.opsetImports) if (opsetVersion(model, domain) === 0) setOpsetVersion(model, Number(version), domain);
  }
}
