/** What a storage form is. The forms themselves are registered in storage-forms.ts. */
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";

export interface StorageForm {
  /** What statistics count by: "mask" is `maskTensors` in a report. */
  readonly name: string;
  /** One line: which constants it is for, and how they are stored. */
  readonly description: string;
  /**
   * Every way to store the constant in this form, as a chain that onnxruntime folds at load; none where the
   * form does not fit. Decoding must give the very same bytes. Values are made only when a draft is chosen.
   */
  drafts(candidate: Candidate): Draft[];
}
