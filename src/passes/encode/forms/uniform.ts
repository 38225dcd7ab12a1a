/** One value everywhere. */
import { emitBackground } from "../chain-parts.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import type { StorageForm } from "../storage-form.js";

export const uniformForm: StorageForm = {
  name: "uniform",
  description: "one value everywhere: the value and the shape",
  drafts: uniformForms,
};

/** All elements equal: ConstantOfShape. */
function uniformForms(candidate: Candidate): Draft[] {
  const { tensor, symbols } = candidate;
  if (symbols.distinct?.length !== 1) return [];
  const draft = new Draft("uniform", "one value");
  emitBackground(draft, tensor.dims, candidate);
  return [draft];
}
