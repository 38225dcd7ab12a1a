/** Ranges that the values of a tensor cannot leave, whatever the inputs of its operator. */
import { type GraphEditor, isOp } from "../ir/index.js";
import { int8Role } from "./int8-kernels.js";

export interface KnownRange {
  readonly min: 0 | -1;
  readonly max: 1;
}

/** Operators whose outputs have a fixed range by definition. */
const RANGES: readonly (readonly [KnownRange, readonly string[]])[] = [
  [{ min: 0, max: 1 }, ["Sigmoid", "HardSigmoid", "Softmax"]],
  [{ min: -1, max: 1 }, ["Tanh", "Softsign"]],
];

/**
 * The range known by construction, also through operators that only move values; undefined if it depends on
 * data.
 */
export function knownRange(editor: GraphEditor, tensor: string): KnownRange | undefined {
  let maker = editor.producer(tensor);
  for (let steps = editor.graph.nodes.length; int8Role(maker) === "mover" && steps > 0; steps--)
    maker = editor.producer(maker!.inputs[0] ?? "");
  return RANGES.find(([, operators]) => isOp(maker, ...operators))?.[0];
}
