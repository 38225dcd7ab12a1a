/** Chooses the smallest form of storage for one constant. */
import { DataType } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";
import { codebookForms, narrowForms, uniformForms } from "./dense-forms.js";
import type { Candidate } from "./dense-forms.js";
import type { Draft, DraftScope } from "./draft.js";
import { sparseForms } from "./sparse-forms.js";
import { readSymbols } from "./symbols.js";

/** Element types with forms beside the dense one, and their widths in bytes. */
export const ENCODABLE_BYTES: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT, 4], [DataType.FLOAT16, 2], [DataType.INT8, 1], [DataType.UINT8, 1],
]);

/**
 * The form with the fewest bytes in the file (of equals the one with the fewest nodes), as a chain whose last node
 * makes the tensor's name; undefined for types that only have the dense form. Decoding gives the very same bytes.
 */
export function smallestForm(tensor: Tensor, opset: number, scope: DraftScope): Draft | undefined {
  const bytesPerElement = ENCODABLE_BYTES.get(tensor.dataType);
  if (bytesPerElement === undefined) return undefined;
  const candidate: Candidate = { tensor, opset, symbols: readSymbols(tensor, bytesPerElement) };
  let best: Draft | undefined;
  for (const draft of allForms(scope, candidate)) {
    draft.finish(tensor.name ?? "");
    const gain = best ? best.bytes - draft.bytes : 1;
    if (gain > 0 || (gain === 0 && best && draft.nodes.length < best.nodes.length)) best = draft;
  }
  return best;
}

/** Every form that can hold the tensor at the model's operator set. */
export function allForms(scope: DraftScope, candidate: Candidate): Draft[] {
  return [
    ...uniformForms(scope, candidate), ...narrowForms(scope, candidate),
    ...codebookForms(scope, candidate), ...sparseForms(scope, candidate),
  ];
}
