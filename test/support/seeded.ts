/** Seeded pseudo-random values for tests. */
import { DataType, type Feed, floatTensor, type Tensor } from "../../src/ir/index.js";
import { mulberry32 as uniform } from "../../src/numeric/mulberry32.js";

export { uniform };

/** Standard normal values by Box and Muller. */
export function normalArray(length: number, seed: number, scale = 1, shift = 0): Float32Array {
  const next = uniform(seed);
  return Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()) * scale + shift,
  );
}

/** A constant of standard normal values. */
export function normalTensor(name: string, dims: readonly number[], seed: number): Tensor {
  return floatTensor(name, dims, normalArray(countOf(dims), seed));
}

/** An input of standard normal values. */
export function normalFeed(dims: readonly number[], seed: number): Feed[string] {
  return { dataType: DataType.FLOAT, dims, data: normalArray(countOf(dims), seed) };
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((all, size) => all * size, 1);
}
