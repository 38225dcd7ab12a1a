/** Conversion of a model to a newer version of the standard operator set, all or nothing. */
import {
  copyModel,
  emptyGraph,
  getAttribute,
  GraphEditor,
  makeNode,
  isOp,
  isStandard,
  nodeLabel,
  opsetVersion,
  attribute,
  setOpsetVersion,
  tensorValue,
} from "../../ir/index.js";
import type { FunctionDef, Graph, Model, Node, Tensor } from "../../ir/index.js";
import { analyzeShapes, type GraphFacts } from "../shape-analysis.js";
import type { Adapter, AdapterRow, UpgradeScope } from "./adapter.js";
import { EARLY_CHANGES } from "./early-changes.js";
import { LIMITED_BROADCAST } from "./limited-broadcast.js";
import { MOVED_ATTRIBUTES } from "./moved-attributes.js";
import { OTHER_CHANGES } from "./other-changes.js";
import { RESIZE } from "./resize.js";
import { SOFTMAX } from "./softmax.js";
import { KERNEL_GAPS } from "./kernel-gaps.js";

/** Operator sets that can be converted: from the first to the newest that onnxruntime 1.30 runs. */
export const OLDEST_OPSET = 1;
export const NEWEST_OPSET = 26;

/** A node that prevents the conversion. */
interface UpgradeBlocker {
  readonly node: string;
  readonly opType: string;
  readonly reason: string;
}

interface UpgradeResult {
  /** Whether the model changed: false if it is already new enough, or if there are blockers. */
  readonly upgraded: boolean;
  readonly blockers: readonly UpgradeBlocker[];
}

/** Describes the first blocker, and the number of further ones. */
export function blockersText([first, ...others]: readonly UpgradeBlocker[]): string {
  const where =
    first && first.node !== ""
      ? `node "${first.node}" (${first.opType}): ${first.reason}`
      : (first?.reason ?? "");
  return others.length > 0 ? `${where}; and ${others.length} more` : where;
}

/**
 * Several rows may convert an operator to the same version (three attributes of Slice moved); they run in
 * order.
 */
const ADAPTERS: ReadonlyMap<string, readonly Adapter[]> = index([
  ...EARLY_CHANGES,
  ...LIMITED_BROADCAST,
  ...OTHER_CHANGES,
  ...MOVED_ATTRIBUTES,
  ...SOFTMAX,
  ...RESIZE,
  ...KERNEL_GAPS,
]);

function index(rows: readonly AdapterRow[]): Map<string, Adapter[]> {
  const found = new Map<string, Adapter[]>();
  for (const { operators, since, adapt } of rows) {
    for (const operator of operators)
      found.set(`${operator}@${since}`, [...(found.get(`${operator}@${since}`) ?? []), adapt]);
  }
  return found;
}

/**
 * Converts the model in place to version `target` (at most 26) of the standard operator set, or names every
 * node that prevents it and changes nothing. Covers bodies of If, Loop and Scan and the model's own functions,
 * each from the version that it imports. The graph stays the same object; its nodes are replaced. IR version is
 * upgraded as needed. Attributes that became inputs become initializers, in functions Constant nodes.
 */
export function upgradeOpset(model: Model, target: number): UpgradeResult {
  const from = opsetVersion(model);
  const scopes = [from, ...model.functions.map((fn) => opsetVersion(fn))].filter((version) => version > 0);
  if (scopes.every((version) => version >= target)) return { upgraded: false, blockers: [] };
  const refusal = unsupported(target);
  if (refusal) return { upgraded: false, blockers: [{ node: "", opType: "", reason: refusal }] };

  const copy = copyModel(model);
  const blockers = from > 0 ? upgradeGraphs(GraphEditor.forModel(copy), from, target) : [];
  for (const fn of copy.functions) blockers.push(...upgradeFunction(fn, target));
  if (blockers.length > 0) return { upgraded: false, blockers };
  if (from > 0 && from < target) setOpsetVersion(copy, target);
  raiseIrVersion(copy, irVersionFor(target));
  Object.assign(model.graph, copy.graph);
  Object.assign(model, copy, { graph: model.graph });
  return { upgraded: true, blockers: [] };
}

function unsupported(target: number): string | undefined {
  return target > NEWEST_OPSET
    ? `cannot convert to operator set ${target}; the newest supported is ${NEWEST_OPSET}`
    : undefined;
}

function upgradeGraphs(editors: readonly GraphEditor[], from: number, target: number): UpgradeBlocker[] {
  return [...analyzeShapes(editors)].flatMap(([editor, facts]) =>
    upgradeNodes(editor, scopeOf(editor, facts), from, target),
  );
}

function scopeOf(editor: GraphEditor, facts: GraphFacts): UpgradeScope {
  return {
    constant: (name) => editor.constant(name) ?? constantNode(editor, name),
    type: (name) => facts.type(name),
    addConstant: (tensor) =>
      editor.addInitializer({ ...tensor, name: editor.uniqueName(tensor.name ?? "constant") }),
    uniqueName: (stem) => editor.uniqueName(stem),
    isUsed: (name) => name !== "" && (editor.isOutput(name) || editor.consumers(name).length > 0),
    enlarging: new Set(),
  };
}

function constantNode(editor: GraphEditor | undefined, name: string): Tensor | undefined {
  const node = editor?.producer(name);
  if (!node) return editor && constantNode(editor.parent, name);
  return isOp(node, "Constant") ? getAttribute(node, "value")?.t : undefined;
}

function upgradeNodes(
  editor: GraphEditor,
  scope: UpgradeScope,
  from: number,
  target: number,
): UpgradeBlocker[] {
  const blockers: UpgradeBlocker[] = [];
  for (let version = from + 1; version <= target; version++) {
    editor.graph.nodes = editor.graph.nodes.flatMap((node) => {
      const outcome = isStandard(node) ? step(node, scope, version) : [node];
      if (typeof outcome !== "string") return outcome;
      blockers.push({ node: nodeLabel(node), opType: node.opType, reason: outcome });
      return [];
    });
  }
  return blockers;
}

function step(node: Node, scope: UpgradeScope, version: number): Node[] | string {
  const adapters = ADAPTERS.get(`${node.opType}@${version}`) ?? [];
  if (adapters.length > 0 && node.attributes.some((a) => a.refAttrName))
    return "one of its attributes comes from the caller of its function";
  let nodes = [node];
  for (const adapt of adapters) {
    const outcome = adapt(node, scope);
    if (typeof outcome === "string") return outcome;
    if (outcome) nodes = outcome;
  }
  return nodes;
}

/**
 * A function body is converted as a graph of its own; what became initializers there becomes Constant
 * nodes.
 */
function upgradeFunction(fn: FunctionDef, target: number): UpgradeBlocker[] {
  const from = opsetVersion(fn);
  if (from === 0 || from >= target) return [];
  const graph: Graph = {
    ...emptyGraph(fn.name),
    nodes: fn.nodes,
    valueInfo: fn.valueInfo,
    inputs: fn.inputs.map((name) => ({ name })),
    outputs: fn.outputs.map((name) => tensorValue(name, 0)),
  };
  const blockers = upgradeGraphs(GraphEditor.forModel({ ...EMPTY_MODEL, graph }), from, target);
  const constants = graph.initializers.map((tensor) =>
    makeNode("Constant", [], [tensor.name ?? ""], [attribute.tensor("value", tensor)]),
  );
  fn.nodes = [...constants, ...graph.nodes];
  setOpsetVersion(fn, target);
  return blockers;
}

const EMPTY_MODEL: Omit<Model, "graph"> = {
  opsetImports: [],
  functions: [],
  trainingInfo: [],
  deviceConfigurations: [],
};

/**
 * Before IR version 4, constants must be listed as inputs; from 4 on, that would make them defaults that
 * callers may override.
 */
function raiseIrVersion(model: Model, version: number): void {
  const from = Number(model.irVersion ?? 0n);
  if (from >= version) return;
  model.irVersion = BigInt(version);
  if (from >= 4) return;
  const constants = new Set(model.graph.initializers.map((tensor) => tensor.name));
  model.graph.inputs = model.graph.inputs.filter((input) => !constants.has(input.name));
}

/**
 * The IR version released with each version of the standard operator set (the onnx project's Versioning
 * document).
 */
const FIRST_OPSETS: readonly (readonly [opset: number, irVersion: number])[] = [
  [28, 14],
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
  [1, 3],
];

/** The oldest IR version for a model of this operator set. */
export function irVersionFor(opset: number): number {
  return FIRST_OPSETS.find(([first]) => opset >= first)?.[1] ?? 3;
}
