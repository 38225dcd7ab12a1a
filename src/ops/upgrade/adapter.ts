/** The interface of an operator's conversion from one version of the operator set to the next. */
import type { Node, Tensor, TensorType } from "../../ir/index.js";

/** The graph or function body that holds the node. */
export interface UpgradeScope {
  constant(name: string): Tensor | undefined;
  type(name: string): TensorType | undefined;
  /** Adds a constant under a unique name derived from the tensor's, and returns that name. */
  addConstant(tensor: Tensor): string;
  uniqueName(stem: string): string;
  /** Whether any node uses the value, or it is an output. */
  isUsed(name: string): boolean;
  /** Nodes known only to enlarge, so that their rounding mode does not matter. */
  readonly enlarging: Set<Node>;
}

/**
 * Converts a node to the next version: changes it in place (returns undefined), returns its replacements
 * (nodes), or returns the reason why it cannot (text). If any node returns a reason, the caller discards the
 * whole conversion.
 */
export type Adapter = (node: Node, scope: UpgradeScope) => Node[] | string | undefined;

/** An adapter, the operators that it converts, and the operator set version that it converts to. */
export interface AdapterRow {
  readonly operators: readonly string[];
  readonly since: number;
  readonly adapt: Adapter;
}

export const REDUCTIONS = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSum",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSumSquare",
] as const;
