/** Mean and variance per channel, accumulated over pieces. */
import type { RealArray } from "./range.js";
import type { Moments } from "./statistics.js";

/**
 * Sums are taken about the first value of each channel, in double precision, so that a large mean does not
 * cancel a small variance (Chan, Golub and LeVeque 1983, "shifted data").
 */
export class MomentsAccumulator {
  private shift = new Float64Array(0);
  private sum = new Float64Array(0);
  private squares = new Float64Array(0);
  private count = 0;

  /**
   * Adds a row-major tensor. `axis` is the channel axis; negative counts from the end. Returns false, without
   * adding anything, if there is no such axis or its size differs from earlier tensors.
   */
  add(values: RealArray, dims: readonly number[], axis: number): boolean {
    const at = axis < 0 ? axis + dims.length : axis;
    const channels = dims[at];
    if (channels === undefined || (this.count > 0 && channels !== this.sum.length)) return false;
    if (values.length === 0) return true;
    const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
    if (this.count === 0) this.start(values, channels, inner);
    const { shift, sum, squares } = this;
    for (let i = 0, row = 0; i < values.length; row = row + 1 === channels ? 0 : row + 1) {
      const centre = shift[row]!;
      let rowSum = 0;
      let rowSquares = 0;
      for (const end = i + inner; i < end; i++) {
        const value = values[i]! - centre;
        rowSum += value;
        rowSquares += value * value;
      }
      sum[row]! += rowSum;
      squares[row]! += rowSquares;
    }
    this.count += values.length / channels;
    return true;
  }

  /**
   * Mean and population variance (divided by the count) of each channel; `count` is per channel. Undefined
   * for no values.
   */
  result(): Moments | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const mean = this.sum.map((sum, channel) => this.shift[channel]! + sum / count);
    const variance = this.squares.map((squares, channel) =>
      Math.max(0, (squares - this.sum[channel]! ** 2 / count) / count),
    );
    return { mean, variance, count };
  }

  private start(values: RealArray, channels: number, inner: number): void {
    this.shift = Float64Array.from({ length: channels }, (_, channel) => values[channel * inner]!);
    this.sum = new Float64Array(channels);
    this.squares = new Float64Array(channels);
  }
}
