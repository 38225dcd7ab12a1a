/** Draws from a seed (mulberry32): the same on every machine. */
import { uniform } from "./seeded.js";

export class Random {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = uniform(seed);
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number, both ends included. */
  within(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Uniform in [-scale, scale). */
  floats(count: number, scale: number): Float32Array {
    return Float32Array.from({ length: count }, () => (this.next() * 2 - 1) * scale);
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let k = result.length - 1; k > 0; k--) {
      const other = this.below(k + 1);
      [result[k], result[other]] = [result[other]!, result[k]!];
    }
    return result;
  }
}
