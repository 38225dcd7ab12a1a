/** The forms beside the dense one that a constant can take. */
import { DataType } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";
import { codebookForms, narrowForms, uniformForms } from "./dense-forms.js";
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";
import { sparseForms } from "./sparse-forms.js";
import { readSymbols } from "./value-histogram.js";

/** Element types with forms beside the dense one, and their widths in bytes. */
export const ENCODABLE_BYTES: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT, 4],
  [DataType.FLOAT16, 2],
  [DataType.INT8, 1],
  [DataType.UINT8, 1],
]);

/**
 * Every form that holds the tensor at operator set `opset`, as a chain whose last node makes the tensor's
 * name. Decoding gives the very same bytes. Nothing for types that only have the dense form.
 */
export function allForms(tensor: Tensor, opset: number): Draft[] {
  const bytesPerElement = ENCODABLE_BYTES.get(tensor.dataType);
  if (bytesPerElement === undefined) return [];
  const candidate: Candidate = { tensor, opset, symbols: readSymbols(tensor, bytesPerElement) };
  const forms = [
    ...uniformForms(candidate),
    ...narrowForms(candidate),
    ...codebookForms(candidate),
    ...sparseForms(candidate),
  ];
  return forms.map((draft) => draft.finish(tensor.name ?? ""));
}
