/**
 * Patterns say what a part of a graph looks like, as an expression over values: a `node` of some operators with
 * patterns for its operands, a `leaf` that reads a value (any value, a constant of one number, …), or `oneOf`
 * several patterns. A pattern that occurs twice must match the same value in both places, so `node("Mul", [x,
 * x])` is a square.
 *
 * Leaves and nodes are also the keys for reading a match: `found.of(x)`.
 */
import type { GraphEditor, Node, Tensor } from "../ir/index.js";
import type { GraphFacts } from "../ops/shape-analysis.js";

/** The graph to match in, with known facts about its values. */
export interface Scope {
  readonly editor: GraphEditor;
  readonly facts: GraphFacts;
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Whether a constant must stay unchanged, so that nothing may derive from it. */
  readonly isFixed: (constant: Tensor) => boolean;
}

/** The current state of a match. */
export interface Found {
  /** Number of matched nodes: how far the match got. */
  readonly progress: number;
  /** The matched nodes, in the order of matching. */
  readonly nodes: readonly Node[];
  /** The interpretation of a pattern that is part of every match. */
  of<T>(pattern: Capture<T>): T;
  /** The same for an optional part; undefined if not matched. */
  maybe<T>(pattern: Capture<T>): T | undefined;
  /** The name of the value that the pattern matched. */
  valueOf(pattern: Pattern): string | undefined;
}

export interface Match {
  readonly found: Found;
  /** The node that produces the value of the whole pattern. */
  readonly last: Node;
}

/** A successful reading, with its interpretation. */
interface Fit<T> {
  readonly is: T;
  /** For anchors only: the node that produces the value, if it is one after the node itself. */
  readonly last?: Node;
}

/** A failed reading, with the reason. */
export interface Misfit {
  readonly why: string | (() => string);
  /** Whether it is close enough to report: another number, not another kind of operand. */
  readonly isNear: boolean;
}

export type Outcome<T> = Fit<T> | Misfit;

export function fit<T>(is: T, last?: Node): Fit<T> {
  return last ? { is, last } : { is };
}

/** A failure that is not worth reporting. */
export function misfit(why: Misfit["why"]): Misfit {
  return { why, isNear: false };
}

/** A near miss, to report to a user who wonders why nothing was fused. */
export function nearMisfit(why: Misfit["why"]): Misfit {
  return { why, isNear: true };
}

export function isMisfit(outcome: Outcome<unknown> | undefined): outcome is Misfit {
  return outcome !== undefined && "why" in outcome;
}

/** Reads a value: its interpretation, or the reason why it does not match. Sees the current state of the match. */
type ReadValue<T> = (value: string, found: Found, scope: Scope) => Outcome<T>;
/** The same for a node whose operands have matched. */
type ReadNode<T> = (node: Node, found: Found, scope: Scope) => Outcome<T>;

/** A value whose producer is not examined. */
export interface Leaf<T> {
  readonly kind: "leaf";
  /** Its name in messages. */
  readonly name: string;
  readonly read: ReadValue<T>;
  /** Only the node in the pattern may read the value. */
  readonly isSole: boolean;
  /** The key under which the match returns it, if several leaves are alternatives. */
  readonly key?: Leaf<T>;
}

/** A node of one of these operators of the standard set. */
export interface NodePattern<T = Node> {
  readonly kind: "node";
  readonly ops: readonly string[];
  /** Patterns of the first inputs; further inputs may be anything. */
  readonly operands: readonly Pattern[];
  readonly commutes: boolean;
  /**
   * Most nodes that may read its value, which must not be a graph output. Does not apply to the last node of
   * the pattern.
   */
  readonly uses: number;
  readonly read: ReadNode<T>;
}

/** The first alternative that matches. */
export interface OneOf {
  readonly kind: "one of";
  readonly alternatives: readonly Pattern[];
}

export type Pattern = Leaf<unknown> | NodePattern<unknown> | OneOf;

/** A key for reading a match. */
export type Capture<T> = Leaf<T> | NodePattern<T>;

export function leaf<T>(name: string, read: ReadValue<T>, { isSole = false } = {}): Leaf<T> {
  return { kind: "leaf", name, read, isSole };
}

/** Any value. */
export function value(name: string): Leaf<string> {
  return leaf(name, (read) => (read === "" ? misfit(`${name} is missing`) : fit(read)));
}

interface NodeOptions {
  /** Whether the two operands may be in either order; default: true for Add and Mul. */
  readonly commutes?: boolean;
  /** Most nodes that may read the value; Infinity also allows a graph output. */
  readonly uses?: number;
}

const COMMUTATIVE: ReadonlySet<string> = new Set(["Add", "Mul"]);

/** A node. Nothing else may use its value unless `uses` allows it. */
export function node(
  ops: string | readonly string[],
  operands: readonly Pattern[] = [],
  options: NodeOptions = {},
): NodePattern {
  return nodeThat(ops, operands, (found) => fit(found), options);
}

/** A node with further conditions: `read` returns its interpretation, or the reason why it does not match. */
export function nodeThat<T>(
  ops: string | readonly string[],
  operands: readonly Pattern[],
  read: ReadNode<T>,
  { commutes, uses = 1 }: NodeOptions = {},
): NodePattern<T> {
  const list = typeof ops === "string" ? [ops] : ops;
  const canCommute = operands.length === 2 && list.every((op) => COMMUTATIVE.has(op));
  return { kind: "node", ops: list, operands, commutes: commutes ?? canCommute, uses, read };
}

export function oneOf(...alternatives: readonly Pattern[]): OneOf {
  return { kind: "one of", alternatives };
}

/** The pattern with or without an additional step: `optional(sum, (it) => node("Add", [it, bias]))`. */
export function optional(inner: Pattern, step: (inner: Pattern) => Pattern): OneOf {
  return oneOf(step(inner), inner);
}
