/**
 * Checks of nodes against the facts of their operators: number of inputs and outputs, attributes, element
 * types.
 *
 * onnxruntime also refuses to load what is reported when reading a model. Operators without a description are
 * not checked: those of other sets, of versions newer than the table, onnxruntime's additions to the standard
 * set, and functions of the model. A model that edgec wrote must not contain such an operator unless the
 * original did.
 */
import {
  allNodes,
  nodeLabel,
  refuseProblems,
  standardDomain,
  subgraphsOf,
  validateModel,
} from "../ir/index.js";
import {
  dataTypeName,
  DataType,
  type FunctionDef,
  type Graph,
  type Model,
  type Node,
  type OpsetImport,
  type Problem,
  type ValueInfo,
} from "../ir/index.js";
import { TypeScope, typeFaults } from "./element-types.js";
import { formFaults } from "./signature.js";
import { isDescribed, operatorFacts, operatorVersions, type OperatorFacts } from "./operator-facts.js";

/** Limit on reported problems, because a hostile model can have one in every node. */
const MOST_PROBLEMS = 1000;

/**
 * The problems of the model's nodes, at most 1000; empty if there are none. Expects a model that passes
 * `validateModel`.
 */
export function checkOperators(model: Model): Problem[] {
  return check(model).problems;
}

/**
 * Operators that the imported version of a described set does not have: onnxruntime's additions, or removed
 * ones. As "domain:Operator".
 */
export function undescribedOperators(model: Model): ReadonlySet<string> {
  return check(model).undescribed;
}

/**
 * Structure and operators together. `context` begins the message.
 * @param before the undescribed operators of the original (`undescribedOperators`); if given, others are an
 * error
 * @throws BadModelError with the first problems
 */
export function assertSound(model: Model, context: string, before?: ReadonlySet<string>): void {
  refuseProblems(validateModel(model), context);
  const { problems, undescribed } = check(model);
  const added = before ? [...undescribed].filter((name) => !before.has(name)) : [];
  refuseProblems(
    [
      ...problems,
      ...added.map((name) => ({
        message: `the imported operator set has no ${name.slice(name.indexOf(":") + 1)}`,
      })),
    ],
    context,
  );
}

/** onnxruntime converts Constants before it checks them, and has its own LayerNormalization. */
const LOADED_AS_THEY_ARE: ReadonlySet<string> = new Set(["Constant", "LayerNormalization"]);

/** Imported versions by operator set. */
type Versions = ReadonlyMap<string, number>;

function versionsOf(imports: readonly OpsetImport[]): Versions {
  return new Map(
    [...imports].reverse().map(({ domain, version = 0n }) => [standardDomain(domain), Number(version)]),
  );
}

function check(model: Model): OperatorChecker {
  const checker = new OperatorChecker(model);
  checker.checkGraph(model.graph, versionsOf(model.opsetImports), undefined);
  // The runtime looks into a function only where it is called.
  for (const fn of model.functions)
    if (checker.called.has(keyOf(fn)))
      checker.checkNodes(fn.nodes, versionsOf(fn.opsetImports), new TypeScope(), new Map());
  return checker;
}

class OperatorChecker {
  readonly problems: Problem[] = [];
  readonly undescribed = new Set<string>();
  readonly called = new Set<string>();
  private readonly functions: ReadonlySet<string>;

  constructor(model: Model) {
    this.functions = new Set(model.functions.map(keyOf));
    for (const node of model.functions.length > 0 ? allNodes(model) : [])
      this.called.add(keyOf({ domain: node.domain ?? "", name: node.opType }));
  }

  checkGraph(graph: Graph, versions: Versions, outer: TypeScope | undefined): void {
    const types = new TypeScope(outer);
    for (const { name, type } of graph.inputs)
      types.set(name, type?.tensor?.elementType ?? DataType.UNDEFINED);
    for (const { name = "", dataType } of graph.initializers) types.set(name, dataType);
    this.checkNodes(
      graph.nodes,
      versions,
      types,
      new Map([...graph.valueInfo, ...graph.outputs].map((value) => [value.name, value])),
    );
  }

  checkNodes(
    nodes: readonly Node[],
    versions: Versions,
    types: TypeScope,
    declared: ReadonlyMap<string, ValueInfo>,
  ): void {
    for (const node of nodes) {
      this.checkNode(node, versions.get(standardDomain(node.domain)) ?? 0, types);
      for (const output of node.outputs) this.checkDeclared(declared.get(output), node, types);
      for (const body of subgraphsOf(node)) this.checkGraph(body, versions, types);
    }
  }

  private checkNode(node: Node, version: number, types: TypeScope): void {
    const domain = standardDomain(node.domain);
    const facts = this.factsOf(node, domain, version);
    if (!facts) {
      for (const output of node.outputs) types.set(output, DataType.UNDEFINED);
      return;
    }
    const form = LOADED_AS_THEY_ARE.has(node.opType) ? [] : formFaults(node, facts);
    const hint = form.length > 0 ? fittingVersions(node, domain, version) : "";
    for (const fault of [...form.map((text) => text + hint), ...typeFaults(node, facts, types)]) {
      this.report(
        `node "${nodeLabel(node)}" (${node.opType} of ${domain || "operator set"} ${version}): ${fault}`,
      );
    }
  }

  /** Undefined if the operator is not described, or matches its description. */
  private factsOf(node: Node, domain: string, version: number): OperatorFacts | undefined {
    const key = `${domain}:${node.opType}`;
    if (this.functions.has(key) || !isDescribed(domain, version)) return undefined;
    const facts = operatorFacts(domain, node.opType, version);
    if (facts && !facts.isWithdrawn) return facts;
    this.undescribed.add(key);
    return undefined;
  }

  private checkDeclared(value: ValueInfo | undefined, node: Node, types: TypeScope): void {
    const declared = value?.type?.tensor?.elementType;
    const made = value && types.get(value.name);
    if (!declared || made === undefined || declared === made) return;
    this.report(
      `value "${value.name}" is declared as ${dataTypeName(declared)}, and node ` +
        `"${nodeLabel(node)}" (${node.opType}) produces ${dataTypeName(made)}`,
    );
  }

  private report(message: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push({ message });
  }
}

/**
 * Looks for a version in which the node is valid: often the file imports another version than the exporter
 * targeted.
 */
function fittingVersions(node: Node, domain: string, version: number): string {
  const fitting = operatorVersions(domain, node.opType).filter(
    (facts) => !facts.isWithdrawn && formFaults(node, facts).length === 0,
  );
  const near = fitting.find((facts) => facts.since > version) ?? fitting.at(-1);
  return near
    ? `; it would be valid in version ${near.since} of the set; check which version the model imports`
    : "; export the model again, or correct the node";
}

function keyOf({ domain, name }: Pick<FunctionDef, "domain" | "name">): string {
  return `${standardDomain(domain)}:${name ?? ""}`;
}
