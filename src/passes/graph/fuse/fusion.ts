/**
 * Fusions as data: a rule of src/patterns to match, and a rewrite. At each node that may be an anchor, they are
 * tried in order, and the first match is rewritten.
 */
import { type Model, isOp, type Node, nodeLabel, opsetVersion } from "../../../ir/index.js";
import { type Match, matchAt, type Misfit, type Rule, type Scope, Trace } from "../../../patterns/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import type { NearMiss, PassResult } from "../../contract.js";
import { type NodeRewriter, type Rewrite, rewriteGraphs, type RewriteOptions } from "./rewrite.js";

/** The context of a rewrite. */
export interface Place {
  readonly model: Model;
  readonly rewrite: Rewrite;
  readonly scope: Scope;
}

export interface Fusion {
  readonly rule: Rule;
  /** Changes the graph, or returns the reason against it, if only the new values show one. */
  readonly write: (match: Match, place: Place) => Misfit | undefined;
}

interface FuseOptions extends RewriteOptions {
  /** The operator set version to match against, if not the model's. */
  readonly opset?: number;
  /** Repeats at the same node as long as something matches. */
  readonly isRepeated?: boolean;
}

interface Fused {
  readonly count: number;
  readonly nearMisses: readonly NearMiss[];
}

/** A failed match is reported if it found at least this many nodes: the anchor and one more. */
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

/** The result of an exact pass that only fuses; `stat` is the name of its count. */
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
