/**
 * The forms beside the dense one that a constant can take. The single place to add one: what encode-weights
 * chooses among, what its statistics count and the documentation derive from this array. Of two forms of
 * equal size the earlier one is taken.
 */
import { DataType } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";
import { codebookForm } from "./forms/codebook.js";
import { gapForm } from "./forms/gaps.js";
import { maskForm } from "./forms/mask.js";
import { narrowForm } from "./forms/narrow.js";
import { uniformForm } from "./forms/uniform.js";
import type { StorageForm } from "./storage-form.js";
import { readSymbols } from "./value-histogram.js";

export const STORAGE_FORMS: readonly StorageForm[] = [
  uniformForm,
  narrowForm,
  codebookForm,
  gapForm,
  maskForm,
];

/** Element types with forms beside the dense one, and their widths in bytes. */
export const ENCODABLE_BYTES: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT, 4],
  [DataType.FLOAT16, 2],
  [DataType.INT8, 1],
  [DataType.UINT8, 1],
]);

/** What is known of a constant, to make forms of; undefined for types that only have the dense form. */
export function candidateOf(tensor: Tensor, opset: number): Candidate | undefined {
  const bytesPerElement = ENCODABLE_BYTES.get(tensor.dataType);
  if (bytesPerElement === undefined) return undefined;
  return { tensor, opset, symbols: readSymbols(tensor, bytesPerElement) };
}

/** The drafts of one form, as chains whose last node makes the constant's name, always in the same order. */
export function draftsOf(form: StorageForm, candidate: Candidate): Draft[] {
  return form.drafts(candidate).map((draft) => draft.finish(candidate.tensor.name ?? ""));
}
