/** A pattern with its anchor, the node where matching starts, and further conditions on a match. */
import type { Match, Misfit, NodePattern, Pattern, Scope } from "./pattern.js";

export interface RuleParts {
  readonly pattern: Pattern;
  /** The most distinctive node of the pattern, with the rarest operator. It is part of every match. */
  readonly anchor: NodePattern<unknown>;
  /** Conditions that a pattern cannot express: returns the reason why a match must not be rewritten. */
  readonly check?: (match: Match, scope: Scope) => Misfit | undefined;
}

export interface Rule extends RuleParts {
  /** For each node of the pattern, the nodes that have it as an operand. */
  readonly parents: ReadonlyMap<Pattern, readonly NodePattern<unknown>[]>;
  /** Nodes that may be the last of a match. */
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
