/** Runs a tiny model before and after a pass in onnxruntime and says what is left of it. */
import { expect } from "vitest";
import { type Feed, floatTensor, type Model, type Node, type Tensor } from "../../src/ir/index.js";
import type { PassFactory } from "../../src/passes/contract.js";
import { difference, floats, run, seededFloats } from "./running.js";
import { apply, type Parts, tiny } from "./tiny-models.js";

/** Rounding of float32 sums of some tens of values of about one. */
export const ROUNDING = 5e-6;

export function tensor(name: string, dims: number[], seed = 1): Tensor {
  return floatTensor(
    name,
    dims,
    seededFloats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  );
}

export function scalar(name: string, value: number, dims: number[] = []): Tensor {
  return floatTensor(name, dims, Float32Array.of(value));
}

/** The operators left after the pass, in order, having checked that the outputs agree to rounding. */
export async function left(
  pass: PassFactory<Record<string, never>>,
  nodes: Node[],
  parts: Parts,
  bound = ROUNDING,
): Promise<string[]> {
  return operators(await fused(pass, nodes, parts, bound));
}

export function operators(model: Model): string[] {
  return model.graph.nodes.map(({ opType }) => opType);
}

/** The model after the pass. Constants that nothing uses are a failure as well. */
export async function fused(
  pass: PassFactory<Record<string, never>>,
  nodes: Node[],
  parts: Parts,
  bound = ROUNDING,
): Promise<Model> {
  const feed: Feed = parts.feed ?? { x: floats([2, 3]) };
  const before = await run(tiny(structuredClone(nodes), parts), feed);
  const model = tiny(structuredClone(nodes), structuredClone(parts));
  await apply(pass(), model);
  expect(difference(before, await run(model, feed))).toBeLessThan(bound);
  const used = new Set(model.graph.nodes.flatMap((node) => node.inputs));
  const vain = model.graph.initializers.filter(({ name }) => !used.has(name ?? ""));
  expect(vain.filter(({ name }) => nodes.some((node) => node.inputs.includes(name ?? "")))).toEqual([]);
  return model;
}
