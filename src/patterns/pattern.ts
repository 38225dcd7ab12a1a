/**
 * Patterns say what a part of a graph looks like, as an expression over values: a `node` of some operators
 * with patterns for its operands, a `leaf` that reads a value (any value, a constant of one number, …), or
 * `oneOf` several patterns. A pattern that occurs twice stands for the same value in both places, so
 * `node("Mul", [x, x])` is a square.
 *
 * A leaf and a node are also the keys under which a match hands out what they stand for: `found.of(x)`.
 */
import type { GraphEditor, Node, Tensor } from "../ir/index.js";
import type { GraphFacts } from "../ops/shape-analysis.js";

/** The graph in which is matched, with what is known about its values. */
export interface Scope {
  readonly editor: GraphEditor;
  readonly facts: GraphFacts;
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Whether a constant must stay as it is: nothing may be made from it. */
  readonly isFixed: (constant: Tensor) => boolean;
}

/** What a match has found so far. */
export interface Found {
  /** Nodes whose operator is that of the pattern: how far the match has come. */
  readonly progress: number;
  /** These nodes, in the order in which they were found. */
  readonly nodes: readonly Node[];
  /** What the pattern stands for, for one that every match comes by. */
  of<T>(pattern: Capture<T>): T;
  /** The same where the match need not come by it. */
  maybe<T>(pattern: Capture<T>): T | undefined;
  /** The name of the value that the pattern stands for. */
  valueOf(pattern: Pattern): string | undefined;
}

export interface Match {
  readonly found: Found;
  /** The node that gives the value of the whole. */
  readonly last: Node;
}

/** What was looked for is there, and this is what it stands for. */
export interface Fit<T> {
  readonly is: T;
  /** For an anchor alone: the node that gives the value, where that is one behind the node itself. */
  readonly last?: Node;
}

/** Why something is not what was looked for. */
export interface Misfit {
  readonly why: string | (() => string);
  /** Whether it comes close enough to be worth telling: another number, not another kind of operand. */
  readonly isNear: boolean;
}

export type Outcome<T> = Fit<T> | Misfit;

export function fit<T>(is: T, last?: Node): Fit<T> {
  return last ? { is, last } : { is };
}

/** Something else altogether. */
export function misfit(why: Misfit["why"]): Misfit {
  return { why, isNear: false };
}

/** Nearly what was looked for: a person who wonders why nothing was fused should hear of it. */
export function nearMisfit(why: Misfit["why"]): Misfit {
  return { why, isNear: true };
}

export function isMisfit(outcome: Outcome<unknown> | undefined): outcome is Misfit {
  return outcome !== undefined && "why" in outcome;
}

/** Reads a value: what it stands for, or why it is not meant. Sees what is found so far. */
export type ReadValue<T> = (value: string, found: Found, scope: Scope) => Outcome<T>;
/** The same for a node whose operands are found. */
export type ReadNode<T> = (node: Node, found: Found, scope: Scope) => Outcome<T>;

/** A value that is not taken apart further. */
export interface Leaf<T> {
  readonly kind: "leaf";
  /** What it is called in messages. */
  readonly name: string;
  readonly read: ReadValue<T>;
  /** Nothing but the node that the pattern names may read the value. */
  readonly isSole: boolean;
  /** The leaf under which the match hands it out, where several are alternatives of one. */
  readonly key?: Leaf<T>;
}

/** A node of one of these operators of the standard set. */
export interface NodePattern<T = Node> {
  readonly kind: "node";
  readonly ops: readonly string[];
  /** Patterns of the first inputs; inputs behind them may be anything. */
  readonly operands: readonly Pattern[];
  readonly commutes: boolean;
  /** How many nodes may read its value, unless it is the last of the pattern; such a value is no output. */
  readonly uses: number;
  readonly read: ReadNode<T>;
}

/** The first of these that is there. */
export interface OneOf {
  readonly kind: "one of";
  readonly alternatives: readonly Pattern[];
}

export type Pattern = Leaf<unknown> | NodePattern<unknown> | OneOf;

/** What a match hands something out for. */
export type Capture<T> = Leaf<T> | NodePattern<T>;

export function leaf<T>(name: string, read: ReadValue<T>, { isSole = false } = {}): Leaf<T> {
  return { kind: "leaf", name, read, isSole };
}

/** Any value. */
export function value(name: string): Leaf<string> {
  return leaf(name, (read) => (read === "" ? misfit(`${name} is missing`) : fit(read)));
}

export interface NodeOptions {
  /** Whether the two operands may come in either order; so for Add and Mul unless said otherwise. */
  readonly commutes?: boolean;
  /** Nodes that may read the value; Infinity where it may be an output of the graph as well. */
  readonly uses?: number;
}

const COMMUTATIVE: ReadonlySet<string> = new Set(["Add", "Mul"]);

/** A node; nothing else may use its value unless `uses` says so. */
export function node(
  ops: string | readonly string[],
  operands: readonly Pattern[] = [],
  options: NodeOptions = {},
): NodePattern {
  return nodeThat(ops, operands, (found) => fit(found), options);
}

/** A node of which more must be true; `read` says what it stands for, or why it is not meant. */
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

/** The pattern with a step around it or without: `optional(sum, (it) => node("Add", [it, bias]))`. */
export function optional(inner: Pattern, step: (inner: Pattern) => Pattern): OneOf {
  return oneOf(step(inner), inner);
}
