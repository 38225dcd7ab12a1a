/**
 * A network of two parts with an operator between that has no int8 kernel: where int8 pays, and where it
 * does not.
 */
import { attribute, floatTensor, makeNode, type Model, type Node } from "../../src/ir/index.js";
import { model, noise } from "./int8-models.js";

/** Of each tensor, 64 channels of `size` × `size` values. */
export const CHANNELS = 64;

const same = [attribute.ints("pads", [1, 1, 1, 1])];
const dense = (input: string, output: string): Node =>
  makeNode("Conv", [input, `w_${output}`], [output], same, output);
const depthwise = (input: string, output: string): Node =>
  makeNode("Conv", [input, `w_${output}`], [output], [...same, attribute.int("group", CHANNELS)], output);

/** dense1 → dense2 → Sin → slow1 → slow2 → Sin, all 3 × 3. */
export function twoParts(size: number, rows: number | string = 1): Model {
  const weight = (name: string, inputs: number, seed: number) =>
    floatTensor(
      `w_${name}`,
      [CHANNELS, inputs, 3, 3],
      noise(CHANNELS * inputs * 9, seed).map((w) => w / Math.sqrt(9 * inputs)),
    );
  return model(
    [
      dense("x", "dense1"),
      dense("dense1", "dense2"),
      makeNode("Sin", ["dense2"], ["s"], [], "sin"),
      depthwise("s", "slow1"),
      depthwise("slow1", "slow2"),
      makeNode("Sin", ["slow2"], ["y"], [], "sin2"),
    ],
    [
      weight("dense1", CHANNELS, 1),
      weight("dense2", CHANNELS, 2),
      weight("slow1", 1, 3),
      weight("slow2", 1, 4),
    ],
    13,
    [rows, CHANNELS, size, size],
  );
}
