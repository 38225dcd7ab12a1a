/**
 * Whether inputs have the scale that a model was made for, from how the model answers to more or less contrast. Its biases,
 * normalizations and bounds all belong to one scale. Far above it they no longer matter: twice the input gives twice the
 * output, or the same where everything is saturated. Far below it nothing but them is left, and all inputs give one answer.
 * The networks in fixtures/models told inputs that were 255 times too large by factors of 8 to 170.
 */
import type { Feed, TensorValue } from "../ir/index.js";
import { DataType } from "../ir/index.js";
import type { Session } from "../runtime/index.js";
import { isFloating, numbersOf } from "./readable-values.js";

/** What lies between images in bytes and images in shares of one. */
export const SCALE = 255;
/** How much less the model responds at the scale given than at the other one. */
const CLEARLY = 5;
/** A response at the other scale below this is none. */
const RESPONSE = 0.01;
/** Above this the model does respond at the scale given. */
const ALIVE = 0.08;

export type ScaleFault = "too large" | "too small";

/** Of values of a common size nothing is asked. @param largest by its absolute value */
export function scaleSuspicion(largest: number): ScaleFault | undefined {
  return largest > 30 ? "too large" : largest > 0 && largest < 0.05 ? "too small" : undefined;
}

/** Whether the model bears a suspicion out. Undefined where it does not run, or gives no finite numbers to go by. */
export async function bearsOut(session: Pick<Session, "run">, feeds: readonly Feed[], suspicion: ScaleFault): Promise<boolean | undefined> {
  const factor = suspicion === "too large" ? 1 / SCALE : SCALE;
  const respond = suspicion === "too large" ? contrastResponse : sampleResponse;
  const given = await respond(session, feeds, 1);
  const other = await respond(session, feeds, factor);
  if (!Number.isFinite(given) || !Number.isFinite(other)) return undefined;
  return given < ALIVE && other > RESPONSE && other > CLEARLY * given;
}

/** How far the outputs are from growing with the input, or from staying as they are, when contrast is doubled: the median. */
async function contrastResponse(session: Pick<Session, "run">, feeds: readonly Feed[], factor: number): Promise<number> {
  const responses: number[] = [];
  for (const feed of feeds) {
    const [once, twice] = [floatsOf(await session.run(scaled(feed, factor))), floatsOf(await session.run(scaled(feed, 2 * factor)))];
    if (once.length !== twice.length) return NaN;
    responses.push(Math.min(distance(once, twice, 1), distance(once, twice, 2)) / norm(twice));
  }
  return responses.sort((a, b) => a - b)[responses.length >> 1] ?? NaN;
}

/** How much outputs differ between samples, beside their size. */
async function sampleResponse(session: Pick<Session, "run">, feeds: readonly Feed[], factor: number): Promise<number> {
  const outputs: number[][] = [];
  for (const feed of feeds) outputs.push(floatsOf(await session.run(scaled(feed, factor))));
  const [first] = outputs;
  if (!first || outputs.length < 2 || outputs.some(({ length }) => length !== first.length)) return NaN;
  const mean = first.map((_, i) => outputs.reduce((sum, output) => sum + output[i]!, 0) / outputs.length);
  return Math.sqrt(outputs.reduce((sum, output) => sum + distance(mean, output, 1) ** 2, 0) / outputs.reduce((sum, output) => sum + norm(output) ** 2, 0));
}

/** Integers are ids, lengths and masks, which have no scale. */
function scaled(feed: Feed, factor: number): Feed {
  if (factor === 1) return feed;
  return Object.fromEntries(Object.entries(feed).map(([name, value]) => [name, isFloating(value) ? times(value, factor) : value]));
}

/** Half precision goes in as it is: a factor of 255 does not fit it. */
function times(value: TensorValue, factor: number): TensorValue {
  if (value.dataType === DataType.FLOAT) return { ...value, data: Float32Array.from(numbersOf(value), (number) => factor * number) };
  if (value.dataType === DataType.DOUBLE) return { ...value, data: Float64Array.from(numbersOf(value), (number) => factor * number) };
  return value;
}

function floatsOf(outputs: Feed): number[] {
  return Object.values(outputs).filter(isFloating).flatMap((value) => Array.from(numbersOf(value)));
}

/** Of `times` a from b. */
function distance(a: readonly number[], b: readonly number[], times: number): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (times * value - b[i]!) ** 2, 0));
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
