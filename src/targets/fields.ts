/** The fields of a profile as a user may write them, each with the check of its value. */
import { ACTIVATIONS, FORMATS, WEIGHT_RANGES, type CostTable, type TargetProfile } from "./profile.js";

/** Says what is accepted when the value is not, else nothing. */
export type Check = (value: unknown) => string | undefined;

const text: Check = (value) =>
  typeof value === "string" && value.trim() !== "" ? undefined : "a non-empty string";
const texts: Check = (value) =>
  Array.isArray(value) && value.every((item) => text(item) === undefined)
    ? undefined
    : "a list of non-empty strings";

export function oneOf(words: readonly string[]): Check {
  return (value) => (words.includes(value as string) ? undefined : `one of ${quoted(words)}`);
}

export function someOf(words: readonly string[]): Check {
  const isSet = (value: unknown): value is unknown[] =>
    Array.isArray(value) && new Set(value).size === value.length;
  return (value) =>
    isSet(value) && value.every((word) => words.includes(word as string))
      ? undefined
      : `a list of distinct words from ${quoted(words)}`;
}

function number(minimum: number, maximum: number, isWhole: boolean): Check {
  const what = `a${isWhole ? " whole" : ""} number from ${minimum} to ${maximum}`;
  return (value) =>
    typeof value === "number" &&
    value >= minimum &&
    value <= maximum &&
    (!isWhole || Number.isSafeInteger(value))
      ? undefined
      : what;
}

const ratio = number(0.001, 1000, false);
const perElement = number(0, 10_000, false);

export const COST_FIELDS: Readonly<Record<keyof CostTable, Check>> = {
  conv: ratio,
  pointwiseConv: ratio,
  depthwiseConv: ratio,
  staticMatMul: ratio,
  dynamicMatMul: ratio,
  lstm: ratio,
  requantizer: ratio,
  gather: perElement,
  quantize: perElement,
  dequantize: perElement,
};

const version: Check = (value) =>
  typeof value === "string" && /^\d{1,3}\.\d{1,4}(\.\d+)?$/.test(value)
    ? undefined
    : 'a version of onnxruntime such as "1.16"';

/** All but those that have fields of their own. */
export const PROFILE_FIELDS: Readonly<Record<Exclude<keyof TargetProfile, "costs" | "kernels">, Check>> = {
  name: text,
  description: text,
  activations: (value) =>
    someOf(ACTIVATIONS)(value) ??
    ((value as unknown[]).includes("u8") ? undefined : 'a list with "u8", which is what edgec writes'),
  weightRange: oneOf(WEIGHT_RANGES),
  floatOperators: texts,
  formats: someOf(FORMATS),
  minOrt: version,
  memoryBytes: number(1, Number.MAX_SAFE_INTEGER, true),
  threads: number(1, 256, true),
};

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(", ");
}
