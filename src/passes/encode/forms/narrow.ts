/** Values that a narrower type holds exactly. */
import { attribute, DataType } from "../../../ir/index.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import { BFLOAT16_CAST_OPSET } from "../folding-facts.js";
import type { StorageForm } from "../storage-form.js";
import type { Symbols } from "../value-histogram.js";

export const narrowForm: StorageForm = {
  name: "narrow",
  description: "float32 values that a narrower type holds exactly: int8, float16 or bfloat16",
  drafts: narrowForms,
};

/** float32 values that a narrower type holds exactly: narrow constant → Cast(float). */
function narrowForms({ tensor, symbols, opset }: Candidate): Draft[] {
  if (tensor.dataType !== DataType.FLOAT) return [];
  const forms: Draft[] = [];
  const add = (dataType: DataType, form: string, values: () => Uint8Array): void => {
    const draft = new Draft("narrow", form);
    draft.op("Cast", [draft.constant(dataType, tensor.dims, values)], [attribute.int("to", DataType.FLOAT)]);
    forms.push(draft);
  };
  if (symbols.every(isInt8Pattern)) add(DataType.INT8, "int8 values", () => int8Values(symbols));
  else if (symbols.every(isHalfPattern))
    add(DataType.FLOAT16, "float16 values", () => halves(symbols, toHalfBits));
  else if (opset >= BFLOAT16_CAST_OPSET && symbols.every(isBfloat16Pattern)) {
    add(DataType.BFLOAT16, "bfloat16 values", () => halves(symbols, (word) => word >>> 16));
  }
  return forms;
}

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

function int8Values({ patterns, count }: Symbols): Uint8Array {
  const values = new Int8Array(count);
  let at = 0;
  for (const piece of patterns()) {
    for (const pattern of piece) {
      word[0] = pattern;
      values[at++] = asFloat[0]!;
    }
  }
  return new Uint8Array(values.buffer);
}

function halves({ patterns, count }: Symbols, half: (pattern: number) => number): Uint8Array {
  const bits = new Uint16Array(count);
  let at = 0;
  for (const piece of patterns()) for (const pattern of piece) bits[at++] = half(pattern);
  return new Uint8Array(bits.buffer);
}

function isInt8Pattern(pattern: number): boolean {
  word[0] = pattern;
  const value = asFloat[0]!;
  return value >= -128 && value <= 127 && Number.isInteger(value) && pattern !== 0x80000000;
}

/** Normal float16 numbers and zeros; subnormals, infinities and NaN are left to the other forms. */
function isHalfPattern(pattern: number): boolean {
  const exponent = ((pattern >>> 23) & 0xff) - 127;
  return pattern << 1 === 0 || ((pattern & 0x1fff) === 0 && exponent >= -14 && exponent <= 15);
}

function toHalfBits(pattern: number): number {
  const sign = (pattern >>> 16) & 0x8000;
  return pattern << 1 === 0
    ? sign
    : sign | ((((pattern >>> 23) & 0xff) - 112) << 10) | ((pattern >>> 13) & 0x3ff);
}

/** A float32 whose low half is empty; NaN is left out, as casts may quieten it. */
function isBfloat16Pattern(pattern: number): boolean {
  return (pattern & 0xffff) === 0 && ((pattern >>> 23) & 0xff) !== 0xff;
}
