/** Makes the drafts of one constant, as often as asked. */
import { storedByteLength, type StoredForm, type Tensor } from "../../ir/index.js";
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";
import { candidateOf, formsOf } from "./storage-forms.js";
import { draftOf } from "./stored-forms.js";

/** What is known of smaller constants is found anew rather than kept. Bytes. */
const KEPT_FROM = 2 ** 16;

export class FormSource {
  private known: Candidate | undefined;

  /**
   * @param opset that new forms are to use; undefined where there may be none
   * @param stored the form that the file had, if it still holds
   */
  constructor(
    private readonly tensor: Tensor,
    private readonly opset: number | undefined,
    private readonly stored: StoredForm | undefined,
  ) {}

  /** Always the same ones, in the same order. */
  drafts(): Draft[] {
    const candidate = this.candidate();
    return [
      ...(candidate ? formsOf(candidate) : []),
      ...(this.stored ? [draftOf(this.stored, this.tensor.name ?? "")] : []),
    ];
  }

  draft(index: number): Draft {
    return this.drafts()[index]!;
  }

  private candidate(): Candidate | undefined {
    if (this.opset === undefined) return undefined;
    const candidate = this.known ?? candidateOf(this.tensor, this.opset);
    if (storedByteLength(this.tensor) >= KEPT_FROM) this.known = candidate;
    return candidate;
  }
}
