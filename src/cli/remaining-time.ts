/**
 * Estimates how long counted work will still take, from the rate of its later half. Gives no estimate until the
 * rate is steady, and changes it slowly: a figure that jumps is worse than none.
 */

/** No estimate before this time, or for shorter work. Milliseconds. */
const STEADY_AFTER_MS = 5_000;
/** Units that must be done. */
const FEWEST_DONE = 3;
/** The rates of the two halves may differ by this factor. */
const STEADY_WITHIN = 3;
/** The time constant with which the estimate follows measurements, milliseconds. */
const SETTLING_MS = 8_000;
/** If the next unit takes this many times as long as earlier ones, the rate is no longer valid. */
const STALLED = 4;
/** Most points in memory. */
const MOST_POINTS = 128;

interface Point {
  readonly at: number;
  readonly done: number;
}

export class RemainingTime {
  private points: Point[] = [];
  private total = 0;
  /** The estimate at a time, from which it counts down. */
  private told: { readonly ms: number; readonly at: number } | undefined;

  /** @param now milliseconds on any axis */
  note(done: number, total: number, now: number): void {
    const last = this.points.at(-1);
    if (last && (done < last.done || total !== this.total)) this.points = [];
    if (this.points.length === 0) this.told = undefined;
    this.total = total;
    if (this.points.at(-1)?.done === done) return;
    this.points.push({ at: now, done });
    if (this.points.length > MOST_POINTS)
      this.points = this.points.filter((_, k, { length }) => k % 2 === 0 || k === length - 1);
    this.settle(now);
  }

  /** Milliseconds; undefined while there is no steady rate. */
  left(now: number): number | undefined {
    const last = this.points.at(-1);
    const rate = this.rate();
    if (!this.told || !last || rate === undefined || (now - last.at) * rate > STALLED) return undefined;
    return Math.max(0, this.told.ms - (now - this.told.at));
  }

  private settle(now: number): void {
    const rate = this.rate();
    if (rate === undefined) return void (this.told = undefined);
    const measured = (this.total - this.points.at(-1)!.done) / rate;
    if (!this.told) return void (this.told = { ms: measured, at: now });
    const expected = Math.max(0, this.told.ms - (now - this.told.at));
    const weight = 1 - Math.exp(-(now - this.told.at) / SETTLING_MS);
    this.told = { ms: expected + weight * (measured - expected), at: now };
  }

  /** Units per millisecond in the later half of the time; undefined if it is not steady. */
  private rate(): number | undefined {
    const [first, last] = [this.points[0], this.points.at(-1)];
    if (!first || !last || last.at - first.at < STEADY_AFTER_MS || last.done - first.done < FEWEST_DONE)
      return undefined;
    const middle = this.points.find(({ at }) => at >= (first.at + last.at) / 2)!;
    if (middle === last) return undefined;
    const [early, late] = [rateBetween(first, middle), rateBetween(middle, last)];
    return Math.max(early / late, late / early) <= STEADY_WITHIN ? late : undefined;
  }
}

function rateBetween(from: Point, to: Point): number {
  return (to.done - from.done) / (to.at - from.at);
}
