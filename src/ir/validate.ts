/**
 * Structural checks: every name is defined once and before its use, including captures; all operator sets are
 * imported.
 */
import { BadModelError } from "../errors.js";
import type { Graph, Node } from "./graph.js";
import type { FunctionDef, Model, OpsetImport } from "./model.js";
import { nodeLabel } from "./node.js";
import { domainName, standardDomain } from "./operator-set.js";
import { topologicalOrder } from "./topological-order.js";
import { subgraphsOf } from "./traverse.js";
import { attributeFault, tensorFault } from "./validate-values.js";

/** One problem, described with the node or tensor. */
export interface Problem {
  readonly message: string;
}

/** Limit on reported problems, because a hostile model can have one in every byte. */
const MOST_PROBLEMS = 1000;

/** The structural problems of the model, at most 1000; empty if it is valid. External data is not loaded. */
export function validateModel(model: Model): Problem[] {
  const validator = new Validator(new Set(model.functions.map((fn) => operatorKey(fn.domain, fn.name))));
  validator.checkModel(model);
  return validator.problems;
}

/** @throws BadModelError with the first problems if the model is invalid; `context` begins the message */
export function assertValid(model: Model, context: string): void {
  refuseProblems(validateModel(model), context);
}

/** @throws BadModelError with the first of the problems, if there are any; `context` begins the message */
export function refuseProblems(problems: readonly Problem[], context: string): void {
  if (problems.length === 0) return;
  const shown = problems
    .slice(0, 3)
    .map((problem) => problem.message)
    .join("; ");
  throw new BadModelError(
    `${context}: ${shown}${problems.length > 3 ? `; and ${problems.length - 3} more` : ""}`,
  );
}

/** The names visible at one point: those of the scope itself and of enclosing scopes. */
class Scope {
  readonly own = new Set<string>();
  /** Names of sparse initializers are not decoded; if there are any, unknown names may be theirs. */
  hasHiddenNames: boolean;

  constructor(private readonly outer?: Scope) {
    this.hasHiddenNames = outer?.hasHiddenNames ?? false;
  }

  knows(name: string): boolean {
    return this.own.has(name) || (this.outer?.knows(name) ?? false);
  }
}

class Validator {
  readonly problems: Problem[] = [];
  private readonly missingSets = new Set<string>();

  constructor(private readonly functions: ReadonlySet<string>) {}

  checkModel(model: Model): void {
    this.checkGraph(model.graph, undefined, importedSets(model.opsetImports));
    for (const fn of model.functions) this.checkFunction(fn, importedSets(fn.opsetImports));
    for (const domain of this.missingSets)
      this.report(`no version is imported for the operator set "${domainName(domain)}"`);
  }

  private report(message: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push({ message });
  }

  private checkGraph(graph: Graph, outer: Scope | undefined, sets: ReadonlySet<string>): void {
    const scope = new Scope(outer);
    scope.hasHiddenNames ||= graph.sparseInitializers.length > 0;
    for (const input of graph.inputs) this.declare(input.name, scope, `graph input "${input.name}"`);
    this.checkInitializers(graph, scope);
    this.checkNodes(graph.nodes, scope, sets);
    for (const output of graph.outputs) {
      if (!scope.knows(output.name) && !scope.hasHiddenNames)
        this.report(`graph output "${output.name}" is not produced by any node`);
    }
  }

  private checkFunction(fn: FunctionDef, sets: ReadonlySet<string>): void {
    const scope = new Scope();
    for (const input of fn.inputs)
      this.declare(input, scope, `input "${input}" of function "${fn.name ?? ""}"`);
    this.checkNodes(fn.nodes, scope, sets);
    for (const output of fn.outputs)
      if (!scope.knows(output))
        this.report(`output "${output}" of function "${fn.name ?? ""}" is not produced by any node`);
  }

  private checkInitializers(graph: Graph, scope: Scope): void {
    const inputs = new Set(graph.inputs.map((input) => input.name));
    const seen = new Set<string>();
    for (const tensor of graph.initializers) {
      const name = tensor.name ?? "";
      if (name === "") this.report("an initializer has no name");
      else if (seen.has(name)) this.report(`initializer "${name}" appears twice`);
      // One that is listed as an input as well is that input's default, or a constant of a file before IR
      // version 4.
      else if (!inputs.has(name)) this.declare(name, scope, `initializer "${name}"`);
      seen.add(name);
      const fault = tensorFault(tensor);
      if (fault) this.report(fault);
    }
  }

  private checkNodes(nodes: readonly Node[], scope: Scope, sets: ReadonlySet<string>): void {
    this.checkNodeNames(nodes);
    const { cycle } = topologicalOrder(nodes, (name) => scope.knows(name));
    if (cycle) this.report(cycleText(cycle));
    const madeLater = new Set(cycle ? nodes.flatMap(({ outputs }) => outputs) : []);
    for (const node of nodes) {
      this.checkOperator(node, sets);
      for (const input of node.inputs) {
        if (input === "" || scope.hasHiddenNames || madeLater.has(input) || scope.knows(input)) continue;
        this.report(`node "${nodeLabel(node)}" (${node.opType}) uses "${input}" before it is defined`);
      }
      for (const attribute of node.attributes) {
        const fault = attributeFault(attribute);
        if (fault) this.report(`node "${nodeLabel(node)}" (${node.opType}): ${fault}`);
      }
      for (const body of subgraphsOf(node)) this.checkGraph(body, scope, sets);
      for (const output of node.outputs) this.checkOutput(output, node, scope);
    }
  }

  /**
   * onnxruntime rejects two nodes with the same name in one graph, except Constants, which it converts
   * beforehand.
   */
  private checkNodeNames(nodes: readonly Node[]): void {
    const seen = new Set<string>();
    for (const { name = "", opType } of nodes) {
      if (name === "" || opType === "Constant") continue;
      if (seen.has(name)) this.report(`two nodes are named "${name}"; rename one, or remove the names`);
      seen.add(name);
    }
  }

  private checkOperator(node: Node, sets: ReadonlySet<string>): void {
    if (node.opType === "") this.report(`node "${nodeLabel(node)}" has no operator type`);
    const domain = standardDomain(node.domain);
    if (!sets.has(domain) && !this.functions.has(operatorKey(node.domain, node.opType)))
      this.missingSets.add(domain);
  }

  /** An output must not reuse a name of an enclosing scope, but an input of a body may. */
  private checkOutput(output: string, node: Node, scope: Scope): void {
    if (output === "") return;
    if (scope.knows(output))
      this.report(`output "${output}" of node "${nodeLabel(node)}" has a name that is already in use`);
    scope.own.add(output);
  }

  private declare(name: string, scope: Scope, what: string): void {
    if (scope.own.has(name)) this.report(`${what} has a name that is already in use`);
    scope.own.add(name);
  }
}

/** Most nodes of a cycle to name. */
const MOST_NAMES = 8;

function cycleText(cycle: readonly Node[]): string {
  const shown = cycle.slice(0, MOST_NAMES).map((node) => `"${nodeLabel(node)}" (${node.opType})`);
  if (cycle.length === 1) return `node ${shown[0]} uses its own output, so it can never be computed`;
  const rest = cycle.length > MOST_NAMES ? ` and ${cycle.length - MOST_NAMES} more` : "";
  return (
    `${cycle.length} nodes form a cycle, in which each uses an output of the one before it ` +
    `and the first uses one of the last: ${shown.join(", ")}${rest}`
  );
}

function importedSets(imports: readonly OpsetImport[]): ReadonlySet<string> {
  return new Set(imports.map((opset) => standardDomain(opset.domain)));
}

function operatorKey(domain: string | undefined, name: string | undefined): string {
  return `${standardDomain(domain)}::${name ?? ""}`;
}
