/**
 * inline-functions: puts the body of a model-local function where it is called.
 *
 * Before: Block(x) with function Block(a) { b = Relu(a) }. After: b = Relu(x); remove-dead drops the function. What a
 * function holds is out of sight of every other pass, and onnxruntime inlines functions at load anyway.
 *
 * Handles calls in every scope and in other functions, attributes that refer to the caller's (with their defaults), and
 * bodies of If, Loop and Scan within functions. Stays: calls that compute a constant from constants alone, as edgec itself
 * writes them for stored weights (fold-constants looks into those, and stores the result where that is smaller, while
 * the chains written out take ten times as many bytes); functions of another version of an operator set than the
 * model's or, where it has none, than that of other functions; functions that call themselves or one that does; and all of
 * them when the model would grow beyond ten times its nodes and 20,000 more, or four times its bytes and 16 MB more:
 * functions that call functions multiply. Both are known before anything is copied.
 */
import {
  type FunctionDef, functionKey, getAttribute, GraphEditor, isOp, type Model, nestedGraphs, type Node, nodeLabel, setOpsetVersion,
  storedByteLength, subgraphsOf, withNested,
} from "../../ir/index.js";
import type { Diagnostic } from "../../diagnostics.js";
import { definePass } from "../define-pass.js";
import { nodeWireSize } from "../encode/wire-size.js";
import { BodyConstants, LARGE } from "./body-constants.js";
import { CallBodies } from "./call-bodies.js";
import { isFoldable } from "./foldable.js";
import { exactResult } from "./result.js";

/** What the model may have afterwards: so many times what it has, and so much more. */
const MOST_NODES = { times: 10, more: 20_000 };
const MOST_BYTES = { times: 4, more: 16e6 };

export const inlineFunctions = definePass<Record<string, never>>({
  name: "inline-functions",
  description: "puts the body of a model-local function where it is called",
  lossy: false,
  defaults: {},
  run(model) {
    const functions = agreeing(model);
    const sizes = expandedSizes(functions);
    for (const [key, fn] of functions) if (!sizes.has(fn)) functions.delete(key);
    if (functions.size === 0) return exactResult({ callsInlined: 0 });
    const grown = growth(model, functions, sizes);
    if (grown !== undefined) return { ...exactResult({ callsInlined: 0 }), diagnostics: [tooLarge(grown)] };
    const calls = inlineCalls(model, functions);
    if (calls > 0) importOperators(model, functions);
    return exactResult({ callsInlined: calls });
  },
});

type Functions = Map<string, FunctionDef>;

function calleeOf(node: Node, functions: Functions): FunctionDef | undefined {
  return functions.get(functionKey(node.domain, node.opType, node.overload));
}

/** Functions whose operators mean the same in the model. Of a set that the model lacks, all functions must bring one version. */
function agreeing(model: Model): Functions {
  const brought = new Map<string, bigint | undefined>();
  const versionOf = versionsOf(model);
  for (const { domain = "", version = 0n } of model.functions.flatMap((fn) => fn.opsetImports)) {
    if (versionOf(domain) === 0) brought.set(domain, brought.has(domain) && brought.get(domain) !== version ? undefined : version);
  }
  const agrees = ({ opsetImports }: FunctionDef): boolean => opsetImports.every(({ domain = "", version = 0n }) =>
    (brought.has(domain) ? brought.get(domain) === version : versionOf(domain) === Number(version)));
  return new Map(model.functions.filter(agrees).map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
}

/** `opsetVersion` for many questions in a row, each of which would walk all imports. */
function versionsOf(model: Model): (domain: string) => number {
  const normal = (domain: string): string => (domain === "ai.onnx" ? "" : domain);
  // Of two imports of one set the first counts.
  const known = new Map([...model.opsetImports].reverse().map(({ domain = "", version = 0n }) => [normal(domain), Number(version)]));
  return (domain) => known.get(normal(domain)) ?? 0;
}

/**
 * Nodes that each function comes to once every call in it is inlined, from the innermost outward (Kahn 1962). Functions that
 * end in themselves, or call one that does, are absent.
 */
function expandedSizes(functions: Functions): Map<FunctionDef, Size> {
  const callers = new Map<FunctionDef, FunctionDef[]>([...functions.values()].map((fn) => [fn, []]));
  const open = new Map<FunctionDef, number>();
  for (const fn of functions.values()) {
    const callees = new Set([...withNested(fn.nodes)].flatMap((node) => calleeOf(node, functions) ?? []));
    open.set(fn, callees.size);
    for (const callee of callees) callers.get(callee)?.push(fn);
  }
  const sizes = new Map<FunctionDef, Size>();
  const ready = [...functions.values()].filter((fn) => open.get(fn) === 0);
  for (let fn = ready.pop(); fn; fn = ready.pop()) {
    sizes.set(fn, sizeOf(withNested(fn.nodes), functions, sizes));
    for (const caller of callers.get(fn) ?? []) {
      const left = (open.get(caller) ?? 0) - 1;
      open.set(caller, left);
      if (left === 0) ready.push(caller);
    }
  }
  return sizes;
}

interface Size {
  readonly nodes: number;
  readonly bytes: number;
}

type Sizes = ReadonlyMap<FunctionDef, Size>;

/** With bodies in the place of calls; infinite where functions multiply beyond all numbers. */
function sizeOf(nodes: Iterable<Node>, functions: Functions, sizes: Sizes): Size {
  const size = { nodes: 0, bytes: 0 };
  for (const node of nodes) {
    const callee = calleeOf(node, functions);
    const { nodes: count, bytes } = (callee && sizes.get(callee)) ?? { nodes: 1, bytes: ownBytes(node) };
    size.nodes += count;
    size.bytes += bytes;
  }
  return size;
}

/** A graph holds one copy of what large Constants hold; nodes within bodies are counted by themselves. */
function ownBytes(node: Node): number {
  const value = isOp(node, "Constant") ? getAttribute(node, "value")?.t : undefined;
  if (value && storedByteLength(value) >= LARGE) return 0;
  const held = subgraphsOf(node).flatMap(({ initializers }) => initializers);
  return held.reduce((sum, tensor) => sum + storedByteLength(tensor), nodeWireSize(node));
}

/** What the model would have with all calls inlined, where that is too much. */
function growth(model: Model, functions: Functions, sizes: Sizes): Size | undefined {
  const none: Sizes = new Map();
  const all = [...nestedGraphs(model.graph)].flatMap(({ nodes }) => nodes);
  const after = sizeOf(all, functions, sizes);
  const before = sizeOf([...all, ...model.functions.flatMap(({ nodes }) => [...withNested(nodes)])], functions, none);
  const isWithin = after.nodes <= MOST_NODES.times * before.nodes + MOST_NODES.more
    && after.bytes <= MOST_BYTES.times * before.bytes + MOST_BYTES.more;
  return isWithin ? undefined : after;
}

function tooLarge({ nodes }: Size): Diagnostic {
  return {
    id: "inline-functions/too-large", severity: "info",
    message: `functions were not inlined: the model would have ${Number(nodes.toPrecision(3)).toLocaleString("en")} nodes`,
  };
}

/** Inlines until no call is left in the graphs; returns how many there were. */
function inlineCalls(model: Model, functions: Functions): number {
  let count = 0;
  const bodies = new CallBodies(model);
  for (let found = true; found;) {
    found = false;
    // Bodies that functions bring have editors of their own from the next round on.
    for (const editor of GraphEditor.forModel(model)) {
      const { nodes, calls } = expanded(editor, functions, (node) => decodesConstant(node, editor, bodies));
      if (calls === 0) continue;
      editor.graph.nodes = nodes;
      count += calls;
      found = true;
    }
  }
  return count;
}

/** Whether folding can compute the call as it stands. */
function decodesConstant(node: Node, editor: GraphEditor, bodies: CallBodies): boolean {
  const isConstant = (name: string): boolean => editor.constant(name) !== undefined || isOp(editor.producer(name), "Constant");
  return node.inputs.length > 0 && node.inputs.every(isConstant) && !node.outputs.some((name) => editor.isOutput(name))
    && (bodies.of(node, editor)?.every(isFoldable) ?? false);
}

/** The graph's nodes with every call replaced but those that stay, and the calls within what replaced it. */
function expanded(editor: GraphEditor, functions: Functions, stays: (node: Node) => boolean): { readonly nodes: Node[]; readonly calls: number } {
  const nodes: Node[] = [];
  let calls = 0;
  const constants = new BodyConstants((name) => editor.uniqueName(name));
  const waiting = [...editor.graph.nodes].reverse();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const callee = calleeOf(node, functions);
    if (!callee || stays(node)) {
      nodes.push(node);
      continue;
    }
    const body = constants.inline(node, callee);
    for (const inner of withNested(body)) if (inner.name) inner.name = editor.uniqueName(node.name ? `${node.name}/${inner.name}` : inner.name);
    for (const inner of withNested(body)) editor.recordDescent(nodeLabel(node), nodeLabel(inner));
    for (const inner of body.reverse()) waiting.push(inner);
    calls++;
  }
  return { nodes, calls };
}

function importOperators(model: Model, functions: Functions): void {
  const wanted = new Map<string, bigint>();
  for (const fn of functions.values()) for (const { domain = "", version = 0n } of fn.opsetImports) wanted.set(domain, version);
  const versionOf = versionsOf(model);
  const listed = new Set(model.opsetImports.map(({ domain = "" }) => domain));
  for (const [domain, version] of wanted) {
    if (versionOf(domain) !== 0) continue;
    if (listed.has(domain)) setOpsetVersion(model, Number(version), domain);
    else model.opsetImports.push({ domain, version });
  }
}
