/**
 * Tests whether inputs have the scale that a model was made for, from its response to changed contrast.
 * Biases, normalizations and bounds fit one scale. Far above it they no longer matter: twice the input gives
 * twice the output, or the same output if everything is saturated. Far below it only they matter, and all
 * inputs give one answer. For the networks in fixtures/models, responses to inputs 255 times too large
 * differed by factors of 8 to 170.
 */
import type { Feed, TensorValue } from "../ir/index.js";
import { DataType } from "../ir/index.js";
import type { Session } from "../runtime/index.js";
import { isFloatValue, numbersOf } from "../fidelity/index.js";

/** The ratio between images in bytes and images in [0, 1]. */
export const SCALE = 255;
/** How much weaker the response at the given scale must be than at the other. */
const CLEARLY = 5;
/** A response below this at the other scale counts as none. */
const RESPONSE = 0.01;
/** Above this, the model does respond at the given scale. */
const ALIVE = 0.08;

export type ScaleFault = "too large" | "too small";

/** Suspects values of unusual size; undefined for others. @param largest the largest absolute value */
export function scaleSuspicion(largest: number): ScaleFault | undefined {
  return largest > 30 ? "too large" : largest > 0 && largest < 0.05 ? "too small" : undefined;
}

/**
 * Whether the model's response confirms the suspicion. Undefined if the model does not run, or gives no
 * finite numbers.
 */
export async function bearsOut(
  session: Pick<Session, "run">,
  feeds: readonly Feed[],
  suspicion: ScaleFault,
): Promise<boolean | undefined> {
  const factor = suspicion === "too large" ? 1 / SCALE : SCALE;
  const respond = suspicion === "too large" ? contrastResponse : sampleResponse;
  const given = await respond(session, feeds, 1);
  const other = await respond(session, feeds, factor);
  if (!Number.isFinite(given) || !Number.isFinite(other)) return undefined;
  return given < ALIVE && other > RESPONSE && other > CLEARLY * given;
}

/**
 * The median distance of the outputs from growing with the input, or from staying the same, when contrast is
 * doubled.
 */
async function contrastResponse(
  session: Pick<Session, "run">,
  feeds: readonly Feed[],
  factor: number,
): Promise<number> {
  const responses: number[] = [];
  for (const feed of feeds) {
    const [once, twice] = [
      floatsOf(await session.run(scaled(feed, factor))),
      floatsOf(await session.run(scaled(feed, 2 * factor))),
    ];
    if (once.length !== twice.length) return NaN;
    responses.push(Math.min(distance(once, twice, 1), distance(once, twice, 2)) / norm(twice));
  }
  return responses.sort((a, b) => a - b)[responses.length >> 1] ?? NaN;
}

/** How much outputs differ between samples, relative to their size. */
async function sampleResponse(
  session: Pick<Session, "run">,
  feeds: readonly Feed[],
  factor: number,
): Promise<number> {
  const outputs: number[][] = [];
  for (const feed of feeds) outputs.push(floatsOf(await session.run(scaled(feed, factor))));
  const [first] = outputs;
  if (!first || outputs.length < 2 || outputs.some(({ length }) => length !== first.length)) return NaN;
  const mean = first.map((_, i) => outputs.reduce((sum, output) => sum + output[i]!, 0) / outputs.length);
  return Math.sqrt(
    outputs.reduce((sum, output) => sum + distance(mean, output, 1) ** 2, 0) /
      outputs.reduce((sum, output) => sum + norm(output) ** 2, 0),
  );
}

/** Scales float inputs only. Integers are ids, lengths and masks, which have no scale. */
function scaled(feed: Feed, factor: number): Feed {
  if (factor === 1) return feed;
  return Object.fromEntries(
    Object.entries(feed).map(([name, value]) => [name, isFloatValue(value) ? times(value, factor) : value]),
  );
}

/** Half precision is left unchanged: a factor of 255 does not fit its range. */
function times(value: TensorValue, factor: number): TensorValue {
  if (value.dataType === DataType.FLOAT)
    return { ...value, data: Float32Array.from(numbersOf(value), (number) => factor * number) };
  if (value.dataType === DataType.DOUBLE)
    return { ...value, data: Float64Array.from(numbersOf(value), (number) => factor * number) };
  return value;
}

function floatsOf(outputs: Feed): number[] {
  return Object.values(outputs)
    .filter(isFloatValue)
    .flatMap((value) => Array.from(numbersOf(value)));
}

/** The distance of `times` · a from b. */
function distance(a: readonly number[], b: readonly number[], times: number): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (times * value - b[i]!) ** 2, 0));
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
