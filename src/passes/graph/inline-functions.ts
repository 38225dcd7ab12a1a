/**
 * inline-functions: puts the body of a model-local function where it is called.
 *
 * Before: Block(x) with function Block(a) { b = Relu(a) }. After: b = Relu(x); remove-dead drops the function. What a
 * function holds is out of sight of every other pass, and onnxruntime inlines functions at load anyway.
 *
 * Handles calls in every scope and in other functions, attributes that refer to the caller's (with their defaults), and
 * bodies of If, Loop and Scan within functions. Stays: functions of another version of an operator set than the
 * model's, functions that call themselves, and all of them when the model would grow beyond a million nodes.
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
    const callable = inlinable(model);
    if (callable.size === 0 || sizeOf(model, callable) > MAX_NODES) return exactResult({ callsInlined: 0 });
    const calls = inlineCalls(model, callable);
    if (calls > 0) importOperators(model, callable);
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

/** Functions whose operators mean the same in the model, and which do not end in themselves. */
function inlinable(model: Model): Functions {
  const functions: Functions = new Map();
  for (const fn of model.functions) {
    const agrees = fn.opsetImports.every(({ domain = "", version = 0n }) => {
      const own = opsetVersion(model, domain);
      return own === 0 || own === Number(version);
    });
    if (agrees) functions.set(functionKey(fn.domain, fn.name, fn.overload), fn);
  }
  for (const [key, fn] of functions) if (callsItself(fn, functions)) functions.delete(key);
  return functions;
}

function callsItself(start: FunctionDef, functions: Functions): boolean {
  const seen = new Set<FunctionDef>();
  const waiting = [start];
  for (let fn = waiting.pop(); fn; fn = waiting.pop()) {
    for (const node of nodesOf(fn)) {
      const callee = calleeOf(node, functions);
      if (callee === start) return true;
      if (!callee || seen.has(callee)) continue;
      seen.add(callee);
      waiting.push(callee);
    }
  }
  return false;
}

/** Nodes of the model once every call is inlined. */
function sizeOf(model: Model, functions: Functions): number {
  const sizes = new Map<FunctionDef, number>();
  const sizeOfNodes = (nodes: Iterable<Node>): number => {
    let size = 0;
    for (const node of nodes) {
      const callee = calleeOf(node, functions);
      size += callee ? sizes.get(callee) ?? 0 : 1;
    }
    return size;
  };
  // Each round settles the functions whose callees are settled; there are no more rounds than functions.
  for (let changed = true; changed;) {
    changed = false;
    for (const fn of functions.values()) {
      if (sizes.has(fn) || [...nodesOf(fn)].some((node) => { const callee = calleeOf(node, functions); return callee && !sizes.has(callee); })) continue;
      sizes.set(fn, sizeOfNodes(nodesOf(fn)));
      changed = true;
    }
  }
  let total = 0;
  for (const graph of nestedGraphs(model.graph)) total += sizeOfNodes(graph.nodes);
  return total;
}

/** Inlines until no call is left in the graphs; returns how many there were. */
function inlineCalls(model: Model, functions: Functions): number {
  let count = 0;
  for (let found = true; found;) {
    found = false;
    for (const editor of GraphEditor.forModel(model)) {
      for (const node of [...editor.graph.nodes]) {
        const callee = calleeOf(node, functions);
        if (!callee) continue;
        editor.replaceNode(node, ...bodyFor(node, callee, editor));
        count++;
        found = true;
      }
    }
  }
  return count;
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
