/** What one operator's conversion from one version of the operator set to the next has to work with. */
import type { Node, Tensor, TensorType } from "../../ir/index.js";

/** The graph or function body that holds the node. */
export interface UpgradeScope {
  constant(name: string): Tensor | undefined;
  type(name: string): TensorType | undefined;
  /** Adds a constant under a unique name made from the tensor's, and returns that name. */
  addConstant(tensor: Tensor): string;
  uniqueName(stem: string): string;
  /** Whether any node uses the value, or it is an output. */
  isUsed(name: string): boolean;
  /** Nodes known to enlarge only, so that their rounding mode does not matter. */
  readonly enlarging: Set<Node>;
}

/**
 * Brings a node to the next version: changes it in place (undefined), gives what stands in its place
 * (nodes), or says why it cannot be done (text). The caller throws everything away when any node says so.
 */
export type Adapter = (node: Node, scope: UpgradeScope) => Node[] | string | undefined;

/** An adapter, the operators that it takes, and the version of the operator set that it leads to. */
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
