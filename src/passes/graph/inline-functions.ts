/**
 * inline-functions: Replace calls of model-local functions by the functions' bodies.
 *
 * Before: Block(x) with function Block(a) { b = Relu(a) }. After: b = Relu(x); remove-dead drops the function.
 * Other passes do not look into functions, and onnxruntime inlines functions at load anyway.
 *
 * Handles calls in every scope and in other functions, attributes that refer to the caller's (with their
 * defaults), and bodies of If, Loop and Scan within functions. Left alone: calls that compute a constant only
 * from constants, as edgec itself writes them for stored weights (fold-constants looks into those and stores
 * the result if that is smaller, while inlined chains take ten times as many bytes); functions that import
 * another version of an operator set than the model or, if the model does not import it, than other functions;
 * functions that call themselves, or one that does; and all calls if the model would exceed ten times its nodes
 * plus 20,000, or four times its bytes plus 16 MB, because functions that call functions multiply. Both are
 * known before anything is copied.
 */
import {
  type FunctionDef,
  functionKey,
  getAttribute,
  GraphEditor,
  isOp,
  type Model,
  nestedGraphs,
  type Node,
  nodeLabel,
  setOpsetVersion,
  storedByteLength,
  subgraphsOf,
  withNested,
  standardDomain,
} from "../../ir/index.js";
import type { Diagnostic } from "../../diagnostics.js";
import { definePass } from "../define-pass.js";
import { nodeWireSize } from "../encode/wire-size.js";
import { BodyConstants, LARGE } from "./body-constants.js";
import { CallBodies } from "./call-bodies.js";
import { isFoldable } from "./foldable.js";
import { exactResult } from "./result.js";

/** Limits on the inlined model: a multiple of the original plus a fixed amount. */
const MOST_NODES = { times: 10, more: 20_000 };
const MOST_BYTES = { times: 4, more: 16e6 };

export const inlineFunctions = definePass<Record<string, never>>({
  name: "inline-functions",
  description: "Replace calls of model-local functions by the functions' bodies",
  lossy: false,
  growsFile: true,
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

/**
 * Functions whose operators have the same meaning in the model. If the model does not import an operator set,
 * all functions must import the same version of it.
 */
function agreeing(model: Model): Functions {
  const brought = new Map<string, bigint | undefined>();
  const versionOf = versionsOf(model);
  for (const { domain: name, version = 0n } of model.functions.flatMap((fn) => fn.opsetImports)) {
    const domain = standardDomain(name);
    if (versionOf(domain) === 0)
      brought.set(domain, brought.has(domain) && brought.get(domain) !== version ? undefined : version);
  }
  const agrees = ({ opsetImports }: FunctionDef): boolean =>
    opsetImports.every(({ domain: name, version = 0n }) => {
      const domain = standardDomain(name);
      return brought.has(domain) ? brought.get(domain) === version : versionOf(domain) === Number(version);
    });
  return new Map(
    model.functions.filter(agrees).map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]),
  );
}

/** `opsetVersion` for many queries, each of which would walk all imports. */
function versionsOf(model: Model): (domain: string) => number {
  // If a set is imported twice, the first import counts.
  const known = new Map(
    [...model.opsetImports]
      .reverse()
      .map(({ domain = "", version = 0n }) => [standardDomain(domain), Number(version)]),
  );
  return (domain) => known.get(standardDomain(domain)) ?? 0;
}

/**
 * The number of nodes of each function with every call in it inlined, from the innermost outward (Kahn 1962).
 * Recursive functions, and those that call one, are absent.
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

/** Counted with bodies in place of calls; Infinity if the number overflows. */
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

/** A graph holds one copy of large constants; nodes within bodies are counted separately. */
function ownBytes(node: Node): number {
  const value = isOp(node, "Constant") ? getAttribute(node, "value")?.t : undefined;
  if (value && storedByteLength(value) >= LARGE) return 0;
  const held = subgraphsOf(node).flatMap(({ initializers }) => initializers);
  return held.reduce((sum, tensor) => sum + storedByteLength(tensor), nodeWireSize(node));
}

/** The size of the model with all calls inlined, if that is too large. */
function growth(model: Model, functions: Functions, sizes: Sizes): Size | undefined {
  const none: Sizes = new Map();
  const all = [...nestedGraphs(model.graph)].flatMap(({ nodes }) => nodes);
  const after = sizeOf(all, functions, sizes);
  const before = sizeOf(
    [...all, ...model.functions.flatMap(({ nodes }) => [...withNested(nodes)])],
    functions,
    none,
  );
  const isWithin =
    after.nodes <= MOST_NODES.times * before.nodes + MOST_NODES.more &&
    after.bytes <= MOST_BYTES.times * before.bytes + MOST_BYTES.more;
  return isWithin ? undefined : after;
}

function tooLarge({ nodes }: Size): Diagnostic {
  return {
    id: "inline-functions/too-large",
    severity: "info",
    message:
      "functions were not inlined: the model would have " +
      `${Number(nodes.toPrecision(3)).toLocaleString("en")} nodes`,
  };
}

/** Inlines until no call is left in the graphs. Returns the number of calls. */
function inlineCalls(model: Model, functions: Functions): number {
  let count = 0;
  const bodies = new CallBodies(model);
  for (let found = true; found;) {
    found = false;
    // Bodies from functions get their own editors in the next round.
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

/** Whether constant folding can compute the call without inlining it. */
function decodesConstant(node: Node, editor: GraphEditor, bodies: CallBodies): boolean {
  const isConstant = (name: string): boolean =>
    editor.constant(name) !== undefined || isOp(editor.producer(name), "Constant");
  return (
    node.inputs.length > 0 &&
    node.inputs.every(isConstant) &&
    !node.outputs.some((name) => editor.isOutput(name)) &&
    (bodies.of(node, editor)?.every(isFoldable) ?? false)
  );
}

/** The graph's nodes with calls replaced, except those that stay, and the calls in the inserted bodies. */
function expanded(
  editor: GraphEditor,
  functions: Functions,
  stays: (node: Node) => boolean,
): { readonly nodes: Node[]; readonly calls: number } {
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
    for (const inner of withNested(body))
      if (inner.name) inner.name = editor.uniqueName(node.name ? `${node.name}/${inner.name}` : inner.name);
    for (const inner of withNested(body)) editor.recordProvenance(nodeLabel(node), nodeLabel(inner));
    for (const inner of body.reverse()) waiting.push(inner);
    calls++;
  }
  return { nodes, calls };
}

function importOperators(model: Model, functions: Functions): void {
  const wanted = new Map<string, bigint>();
  for (const fn of functions.values())
    for (const { domain, version = 0n } of fn.opsetImports) wanted.set(standardDomain(domain), version);
  const versionOf = versionsOf(model);
  const listed = new Set(model.opsetImports.map(({ domain }) => standardDomain(domain)));
  for (const [domain, version] of wanted) {
    if (versionOf(domain) !== 0) continue;
    if (listed.has(domain)) setOpsetVersion(model, Number(version), domain);
    else model.opsetImports.push({ domain, version });
  }
}
