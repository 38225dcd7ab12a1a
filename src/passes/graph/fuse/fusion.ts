/**
 * Fusions as data: what one looks for (a rule of src/patterns) and what it writes in its place. They are
 * tried in order at each node that may be an anchor; the first that matches is written.
 */
import { type Model, isOp, type Node, nodeLabel, opsetVersion } from "../../../ir/index.js";
import { type Match, matchAt, type Misfit, type Rule, type Scope, Trace } from "../../../patterns/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import type { NearMiss, PassResult } from "../../contract.js";
import { type NodeRewriter, type Rewrite, rewriteGraphs, type RewriteOptions } from "./rewrite.js";

/** Where a fusion writes. */
export interface Place {
  readonly model: Model;
  readonly rewrite: Rewrite;
  readonly scope: Scope;
}

export interface Fusion {
  readonly rule: Rule;
  /** Changes the graph, or says why that cannot be: what only the new values show. */
  readonly write: (match: Match, place: Place) => Misfit | undefined;
}

export interface FuseOptions extends RewriteOptions {
  /** The version to go by, where that is not the model's. */
  readonly opset?: number;
  /** Begins again at the same node for as long as something is found there. */
  readonly isRepeated?: boolean;
}

export interface Fused {
  readonly count: number;
  readonly nearMisses: readonly NearMiss[];
}

/** A match must have found this many nodes for a person to hear what stopped it: the anchor and another. */
const MIN_REACHED = 2;

export function fuseAll(model: Model, fusions: readonly Fusion[], options: FuseOptions = {}): Fused {
  const nearMisses: NearMiss[] = [];
  const opset = options.opset ?? opsetVersion(model);
  const rewriterOf = (rewrite: Rewrite, facts: GraphFacts): NodeRewriter => {
    const scope: Scope = { editor: rewrite.editor, facts, opset, isFixed: rewrite.isFixed };
    return (anchor) => {
      const trace = new Trace();
      let count = 0;
      while (fuseOne(anchor, fusions, { model, rewrite, scope }, trace)) {
        count++;
        if (options.isRepeated !== true) break;
      }
      if (count === 0) nearMisses.push(...nearMissAt(anchor, trace));
      return count;
    };
  };
  return { count: rewriteGraphs(model, rewriterOf, options), nearMisses };
}

/** The result of an exact pass that does nothing but fuse; `stat` is what its count is called. */
export function fusionResult(stat: string, { count, nearMisses }: Fused): PassResult {
  return {
    modified: count > 0,
    stats: { [stat]: count },
    nodes: [],
    diagnostics: [],
    ...(nearMisses.length > 0 ? { nearMisses } : {}),
  };
}

function fuseOne(anchor: Node, fusions: readonly Fusion[], place: Place, trace: Trace): boolean {
  return fusions.some(({ rule, write }) => {
    const match = isOp(anchor, ...rule.anchor.ops) ? matchAt(rule, anchor, place.scope, trace) : undefined;
    if (!match) return false;
    const refused = write(match, place);
    if (refused) trace.add(match.found, refused);
    return !refused;
  });
}

function nearMissAt(anchor: Node, { reached, reason }: Trace): NearMiss[] {
  return reached < MIN_REACHED || reason === undefined
    ? []
    : [{ node: nodeLabel(anchor), opType: anchor.opType, reason }];
}
