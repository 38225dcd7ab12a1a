/** A place where an operator reads a weight, and what the weight's codes mean there. */
import type { GraphEditor, Node } from "../../ir/index.js";
import type { WeightSite } from "../../ops/weights.js";

/** One operator that uses a weight. */
export interface WeightUse extends WeightSite {
  readonly editor: GraphEditor;
  /** When the weight is integer codes: what they mean. */
  readonly coding?: WeightCoding;
}

/** Names of what turns codes into weights: scale × (code - zero point). An empty name is left out. */
export interface WeightCoding {
  readonly scale: string;
  readonly zeroPoint: string;
  /** The DequantizeLinear between the codes and the operator; absent when the operator itself takes codes. */
  readonly dequantize?: Node;
}
