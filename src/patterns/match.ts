/**
 * Matches a pattern around a node. Starting at the anchor, it matches the anchor's operands, then the single
 * reader of the anchor's value with its other operands, and so on to the end of the pattern. With several
 * possibilities (operands in either order, alternatives, optional steps), it tries them in order, the longest
 * first, and takes the first that succeeds.
 */
import { type GraphEditor, isOp, type Node, nodeLabel } from "../ir/index.js";
import { Finding, keyOf } from "./found.js";
import type { Trace } from "./near-miss.js";
import {
  isMisfit,
  type Match,
  misfit,
  nearMisfit,
  type NodePattern,
  type Pattern,
  type Scope,
} from "./pattern.js";
import type { Rule } from "./rule.js";

/** The match of the rule's pattern with `anchor` as its anchor, or undefined; then `trace` has the reason. */
export function matchAt(rule: Rule, anchor: Node, scope: Scope, trace?: Trace): Match | undefined {
  const matcher = new Matcher(rule, scope, trace);
  for (const match of matcher.from(anchor)) {
    const refused = rule.check?.(match, scope);
    if (!refused) return match;
    trace?.add(match.found, refused);
    return undefined;
  }
  return undefined;
}

class Matcher {
  constructor(
    private readonly rule: Rule,
    private readonly scope: Scope,
    private readonly trace: Trace | undefined,
  ) {}

  *from(anchor: Node): Generator<Match> {
    for (const [found, last] of this.node(this.rule.anchor, anchor, Finding.nothing))
      yield* this.climb(this.rule.anchor, last, found);
  }

  /** Continues from a matched node to the pattern nodes that read it. */
  private *climb(pattern: NodePattern<unknown>, last: Node, found: Finding): Generator<Match> {
    for (const parent of this.rule.parents.get(pattern) ?? []) {
      const reader = this.readerOf(last, pattern, parent, found);
      if (!reader) continue;
      for (const [more, end] of this.node(parent, reader, found)) yield* this.climb(parent, end, more);
    }
    if (this.rule.ends.has(pattern)) yield { found, last };
  }

  private readerOf(
    last: Node,
    pattern: NodePattern<unknown>,
    parent: NodePattern<unknown>,
    found: Finding,
  ): Node | undefined {
    const { editor } = this.scope;
    const value = last.outputs[0] ?? "";
    const readers = editor.consumers(value);
    if (pattern.uses > 1) return readers.find((reader) => isOp(reader, ...parent.ops));
    const only = editor.soleConsumer(value);
    if (!only && readers.some((reader) => isOp(reader, ...parent.ops)))
      this.trace?.add(
        found,
        nearMisfit(() => readElsewhere(value, editor)),
      );
    return only;
  }

  private *value(pattern: Pattern, value: string, found: Finding): Generator<Finding> {
    if (pattern.kind === "one of") {
      for (const alternative of pattern.alternatives) yield* this.value(alternative, value, found);
      return;
    }
    const known = found.valueOf(pattern);
    if (known === value) yield found;
    else if (known !== undefined)
      this.trace?.add(
        found,
        misfit(() => `"${value}" is used where "${known}" is expected`),
      );
    else if (pattern.kind === "leaf") yield* this.leaf(pattern, value, found);
    else yield* this.made(pattern, value, found);
  }

  private *leaf(pattern: Pattern & { kind: "leaf" }, value: string, found: Finding): Generator<Finding> {
    const outcome = pattern.read(value, found, this.scope);
    if (isMisfit(outcome)) this.trace?.add(found, outcome);
    else if (pattern.isSole && !this.scope.editor.soleConsumer(value))
      this.trace?.add(
        found,
        nearMisfit(() => readElsewhere(value, this.scope.editor)),
      );
    else yield found.with(keyOf(pattern), value, outcome.is);
  }

  /**
   * Matches the value's producer. Other readers are checked last, so that they are reported only if everything
   * else matches.
   */
  private *made(pattern: NodePattern<unknown>, value: string, found: Finding): Generator<Finding> {
    const { editor } = this.scope;
    const maker = editor.producer(value);
    if (!maker) {
      this.trace?.add(
        found,
        misfit(() => `"${value}" does not come from ${pattern.ops.join(" or ")}`),
      );
      return;
    }
    for (const [more] of this.node(pattern, maker, found))
      if (isUsedWithin(value, pattern.uses, editor)) yield more;
      else
        this.trace?.add(
          more,
          nearMisfit(() => readElsewhere(value, editor)),
        );
  }

  /** Matches the node, its operands, and the node that produces its value. */
  private *node(pattern: NodePattern<unknown>, node: Node, found: Finding): Generator<[Finding, Node]> {
    if (!isOp(node, ...pattern.ops)) {
      const wanted = pattern.ops.join(" or ");
      this.trace?.add(found, {
        why: () => `"${nodeLabel(node)}" is ${node.opType} where ${wanted} is expected`,
        isNear: found.progress > 2,
      });
      return;
    }
    const entered = found.withNode(node);
    for (const operands of orders(pattern)) {
      for (const more of this.operands(operands, 0, node, entered)) {
        const outcome = pattern.read(node, more, this.scope);
        if (isMisfit(outcome)) {
          this.trace?.add(more, outcome);
          continue;
        }
        const last = outcome.last ?? node;
        yield [more.with(pattern, last.outputs[0] ?? "", outcome.is), last];
      }
    }
  }

  private *operands(patterns: readonly Pattern[], k: number, node: Node, found: Finding): Generator<Finding> {
    const pattern = patterns[k];
    if (!pattern) yield found;
    else
      for (const more of this.value(pattern, node.inputs[k] ?? "", found))
        yield* this.operands(patterns, k + 1, node, more);
  }
}

/** The allowed orders of the operands. */
function orders({ operands, commutes }: NodePattern<unknown>): (readonly Pattern[])[] {
  return commutes && operands[0] !== operands[1] ? [operands, [...operands].reverse()] : [operands];
}

function isUsedWithin(value: string, uses: number, editor: GraphEditor): boolean {
  if (uses === 1) return editor.soleConsumer(value) !== undefined;
  return uses === Infinity || (!editor.isOutput(value) && editor.consumers(value).length <= uses);
}

function readElsewhere(value: string, editor: GraphEditor): string {
  return editor.isOutput(value) ? `"${value}" is a graph output and must stay` : `"${value}" has other uses`;
}
