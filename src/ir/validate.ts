/** Structural checks: every name made once and before its use, captures included; constants that fit their shapes. */
import { BadModelError } from "../errors.js";
import { byteSize, dataTypeName } from "./data-type.js";
import type { Graph } from "./graph.js";
import type { FunctionDef, Model } from "./model.js";
import { nodeLabel, type Node } from "./node.js";
import { elementCount, type Tensor } from "./tensor.js";
import { allNodes, subgraphsOf } from "./traverse.js";

/** One thing that is wrong, in words that name the node or tensor. */
export interface Problem {
  readonly message: string;
}

/** Everything that is structurally wrong with the model; an empty list when it is sound. External data is not loaded. */
export function validateModel(model: Model): Problem[] {
  const problems: Problem[] = [];
  const report = (message: string): void => void problems.push({ message });
  checkOpsets(model, report);
  checkGraph(model.graph, new Set(), report);
  for (const fn of model.functions) checkFunction(fn, report);
  return problems;
}

/** @throws BadModelError with the first problems when the model is not sound; `context` begins the message */
export function assertValid(model: Model, context: string): void {
  const problems = validateModel(model);
  if (problems.length === 0) return;
  const shown = problems.slice(0, 3).map((problem) => problem.message).join("; ");
  throw new BadModelError(`${context}: ${shown}${problems.length > 3 ? `; and ${problems.length - 3} more` : ""}`);
}

type Report = (message: string) => void;

function checkOpsets(model: Model, report: Report): void {
  const imported = new Set(model.opsetImports.map((opset) => normalDomain(opset.domain)));
  const local = new Set(model.functions.map((fn) => normalDomain(fn.domain)));
  const missing = new Set<string>();
  for (const node of allNodes(model)) {
    const domain = normalDomain(node.domain);
    if (!imported.has(domain) && !local.has(domain)) missing.add(domain);
    if (node.opType === "") report(`node "${nodeLabel(node)}" names no operator`);
  }
  for (const domain of missing) report(`no version is imported for the operator set "${domain || "ai.onnx"}"`);
}

function normalDomain(domain: string | undefined): string {
  return domain === undefined || domain === "ai.onnx" ? "" : domain;
}

function checkGraph(graph: Graph, outer: ReadonlySet<string>, report: Report): void {
  const known = new Set(outer);
  const own = new Set<string>();
  for (const input of graph.inputs) declare(input.name, own, known, `graph input "${input.name}"`, report);
  const inputs = new Set(own);
  const constants = new Set<string>();
  for (const tensor of graph.initializers) {
    const name = tensor.name ?? "";
    if (constants.has(name)) report(`initializer "${name}" appears twice`);
    constants.add(name);
    if (!inputs.has(name)) declare(name, own, known, `initializer "${name}"`, report);
    checkTensor(tensor, report);
  }
  // The names of sparse initializers lie in messages that are not decoded; with any present, unknown names may be theirs.
  checkNodes(graph.nodes, own, known, graph.sparseInitializers.length > 0, report);
  for (const output of graph.outputs) {
    if (!known.has(output.name) && graph.sparseInitializers.length === 0) report(`graph output "${output.name}" is made by no node`);
  }
}

function checkFunction(fn: FunctionDef, report: Report): void {
  const known = new Set(fn.inputs);
  checkNodes(fn.nodes, new Set(fn.inputs), known, false, report);
  for (const output of fn.outputs) if (!known.has(output)) report(`output "${output}" of function "${fn.name ?? ""}" is made by no node`);
}

function checkNodes(nodes: readonly Node[], own: Set<string>, known: Set<string>, lenient: boolean, report: Report): void {
  for (const node of nodes) {
    for (const input of node.inputs) {
      if (input !== "" && !known.has(input) && !lenient) report(`node "${nodeLabel(node)}" (${node.opType}) uses "${input}" before anything makes it`);
    }
    for (const body of subgraphsOf(node)) checkGraph(body, known, report);
    for (const attribute of node.attributes) if (attribute.t) checkTensor(attribute.t, report);
    for (const output of node.outputs) if (output !== "") declare(output, own, known, `output "${output}" of node "${nodeLabel(node)}"`, report);
  }
}

function declare(name: string, own: Set<string>, known: Set<string>, what: string, report: Report): void {
  if (own.has(name)) report(`${what} has a name that something else already bears`);
  own.add(name);
  known.add(name);
}

function checkTensor(tensor: Tensor, report: Report): void {
  let expected: number | undefined;
  try {
    expected = byteSize(tensor.dataType, elementCount(tensor));
  } catch (error) {
    report((error as Error).message);
    return;
  }
  const held = tensor.raw?.byteLength ?? tensor.external?.length;
  if (expected !== undefined && held !== undefined && held !== expected) {
    report(`tensor "${tensor.name ?? ""}" (${dataTypeName(tensor.dataType)} [${tensor.dims.join(", ")}]) holds ${held} bytes where ${expected} are needed`);
  }
}
