/**
 * Lists the scopes of a model: its lists of nodes, each with a name for people and the constants it can see.
 */
import {
  isStandard,
  nodeLabel,
  type FunctionDef,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  operatorName,
} from "../ir/index.js";
import { RANDOM_OPERATORS } from "../ops/random-operators.js";

export interface NodeScope {
  /** "" for the main graph, "If_0/then_branch" for a body, "my.domain.Block()" for a function. */
  readonly path: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  readonly parent: NodeScope | undefined;
}

/** All scopes, outermost first. */
export function scopesOf(model: Pick<Model, "graph" | "functions">): NodeScope[] {
  const scopes: NodeScope[] = [];
  const visit = (list: Graph | FunctionDef, path: string, parent: NodeScope | undefined): void => {
    const scope: NodeScope = {
      path,
      nodes: list.nodes,
      initializers: "initializers" in list ? list.initializers : [],
      parent,
    };
    scopes.push(scope);
    for (const node of list.nodes) {
      for (const { name, g, graphs = [] } of node.attributes) {
        const bodies = g ? [g, ...graphs] : graphs;
        bodies.forEach((body, k) =>
          visit(
            body,
            `${path === "" ? "" : `${path}/`}${nodeLabel(node)}/${name}${bodies.length > 1 ? k : ""}`,
            scope,
          ),
        );
      }
    }
  };
  visit(model.graph, "", undefined);
  for (const fn of model.functions)
    visit(fn, `${operatorName({ domain: fn.domain ?? "", opType: fn.name ?? "" })}()`, undefined);
  return scopes;
}

/** Operators whose result differs in every run, or depends on more than their inputs. */
const NEVER_CONSTANT: ReadonlySet<string> = new Set([
  ...RANDOM_OPERATORS,
  "If",
  "Loop",
  "Scan",
  "SequenceMap",
]);

/**
 * The nodes of a scope that compute only from constants, such as those that unpack a stored weight.
 * @param isConstant whether a name is a constant of the scope or one around it
 */
export function constantNodes(
  scope: Pick<NodeScope, "nodes">,
  isConstant: (name: string) => boolean,
): Set<Node> {
  const found = new Set<Node>();
  const computed = new Set<string>();
  for (const node of scope.nodes) {
    if (isStandard(node) && NEVER_CONSTANT.has(node.opType)) continue;
    const isFixed = node.inputs.every((name) => name === "" || computed.has(name) || isConstant(name));
    if (!isFixed) continue;
    found.add(node);
    for (const output of node.outputs) computed.add(output);
  }
  return found;
}
