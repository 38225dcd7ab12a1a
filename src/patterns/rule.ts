/** A pattern with the node at which to begin to look for it, and what else must be true of a match. */
import type { Match, Misfit, NodePattern, Pattern, Scope } from "./pattern.js";

export interface RuleParts {
  readonly pattern: Pattern;
  /** The node of the pattern that tells it best: the rarest operator. Every match holds it. */
  readonly anchor: NodePattern<unknown>;
  /** What the pattern cannot say: why a match is not to be rewritten. */
  readonly check?: (match: Match, scope: Scope) => Misfit | undefined;
}

export interface Rule extends RuleParts {
  /** For each node of the pattern, those that it is an operand of. */
  readonly parents: ReadonlyMap<Pattern, readonly NodePattern<unknown>[]>;
  /** Nodes that may end a match. */
  readonly ends: ReadonlySet<Pattern>;
}

export function rule(parts: RuleParts): Rule {
  const parents = new Map<Pattern, NodePattern<unknown>[]>();
  const visit = (pattern: Pattern, parent: NodePattern<unknown> | undefined): void => {
    if (pattern.kind === "one of") for (const each of pattern.alternatives) visit(each, parent);
    if (pattern.kind !== "node") return;
    const known = parents.get(pattern);
    if (parent) parents.set(pattern, known?.includes(parent) ? known : [...(known ?? []), parent]);
    else if (!known) parents.set(pattern, []);
    if (!known) for (const operand of pattern.operands) visit(operand, pattern);
  };
  visit(parts.pattern, undefined);
  return { ...parts, parents, ends: endsOf(parts.pattern) };
}

function endsOf(pattern: Pattern): Set<Pattern> {
  return pattern.kind === "one of"
    ? new Set(pattern.alternatives.flatMap((each) => [...endsOf(each)]))
    : new Set([pattern]);
}
