/** The smallest and largest finite value of each channel, accumulated over pieces. */
import type { RealArray } from "./range.js";
import type { ChannelRange } from "./statistics.js";

/**
 * Ranges along one axis, in 16 bytes for each channel. Infinities and NaN are left out, as in
 * `RangeAccumulator`.
 */
export class ChannelRangeAccumulator {
  private min = new Float64Array(0);
  private max = new Float64Array(0);
  private started = false;

  /**
   * Adds a row-major tensor. `axis` is the channel axis; negative counts from the end. A tensor without such an
   * axis, or with a size along it that differs from earlier tensors, is skipped. Returns the number of NaN
   * among the values.
   */
  add(values: RealArray, dims: readonly number[], axis: number): number {
    const at = axis < 0 ? axis + dims.length : axis;
    const channels = dims[at];
    if (channels === undefined || values.length === 0 || (this.started && channels !== this.min.length))
      return 0;
    if (!this.started) this.start(channels);
    const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
    let nans = 0;
    for (
      let i = 0, channel = 0;
      i < values.length;
      channel = channel + 1 === channels ? 0 : channel + 1, i += inner
    ) {
      nans += this.addRun(values, i, i + inner, channel);
    }
    return nans;
  }

  /** Undefined if no value was seen. A channel that held no finite value has min Infinity and max -Infinity. */
  result(): ChannelRange | undefined {
    return this.started ? { min: this.min, max: this.max } : undefined;
  }

  private start(channels: number): void {
    this.started = true;
    this.min = new Float64Array(channels).fill(Infinity);
    this.max = new Float64Array(channels).fill(-Infinity);
  }

  /** Adds values[from, to), all of one channel. */
  private addRun(values: RealArray, from: number, to: number, channel: number): number {
    let min = this.min[channel]!;
    let max = this.max[channel]!;
    let nans = 0;
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (value - value !== 0) {
        if (value !== value) nans++;
        continue;
      }
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.min[channel] = min;
    this.max[channel] = max;
    return nans;
  }
}
