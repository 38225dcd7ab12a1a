/** What encoding the constants of a model is asked, and what it reports. */
import type { Diagnostic } from "../../diagnostics.js";
import type { Node, Tensor } from "../../ir/index.js";
import type { NodeStatus } from "../contract.js";
import { tensorWireSize } from "./wire-size.js";

export interface EncodingLimits {
  readonly opset: number;
  readonly minBytes: number;
  readonly minSaving: number;
  readonly functions: boolean;
  /** Whether to ignore memory while loading. */
  readonly anyLoad?: boolean;
  /** Names of constants and nodes. */
  readonly exclude: ReadonlySet<string>;
}

export interface EncodingResult {
  readonly nodes: NodeStatus[];
  readonly diagnostics: Diagnostic[];
  /** Encoded constants by the family of their form. */
  readonly kinds: Map<string, number>;
  encodedTensors: number;
  /** Chains that make several constants. */
  groups: number;
  /** Bytes in the file of the constants considered, and of their new forms, functions included. */
  bytesBefore: number;
  bytesAfter: number;
  /** Bytes that the forms would save if the operator set supported them. */
  missedBytes: number;
}

export function emptyResult(): EncodingResult {
  return {
    nodes: [],
    diagnostics: [],
    kinds: new Map(),
    encodedTensors: 0,
    groups: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    missedBytes: 0,
  };
}

/** Notes a constant that stays dense. */
export function keep(result: EncodingResult, tensor: Tensor, user: Node | undefined, reason: string): void {
  result.bytesBefore += tensorWireSize(tensor);
  result.bytesAfter += tensorWireSize(tensor);
  result.nodes.push({ name: tensor.name ?? "", opType: user?.opType ?? "", status: "kept", reason });
}
