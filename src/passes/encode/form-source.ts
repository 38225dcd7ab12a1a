/** Makes the drafts of one constant, again at each request. */
import { storedByteLength, type StoredForm, type Tensor } from "../../ir/index.js";
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";
import { candidateOf, draftsOf, STORAGE_FORMS } from "./storage-forms.js";
import { draftOf } from "./stored-forms.js";

/** Facts about smaller constants are recomputed, not cached. Bytes. */
const KEPT_FROM = 2 ** 16;

export class FormSource {
  private known: Candidate | undefined;
  /** The index at which the drafts of each form end. */
  private readonly ends: number[] = [];

  /**
   * @param opset the operator set for new forms; undefined if none are allowed
   * @param stored the form that the file had, if it still holds
   */
  constructor(
    private readonly tensor: Tensor,
    private readonly opset: number | undefined,
    private readonly stored: StoredForm | undefined,
  ) {}

  /**
   * Every form, as a chain whose last node makes the tensor's name. Decoding gives the very same bytes. Always the
   * same ones, in the same order.
   */
  drafts(): Draft[] {
    const candidate = this.candidate();
    const found: Draft[] = [];
    this.ends.length = 0;
    for (const form of candidate ? STORAGE_FORMS : []) {
      for (const draft of draftsOf(form, candidate!)) found.push(draft);
      this.ends.push(found.length);
    }
    if (this.stored) found.push(draftOf(this.stored, this.tensor.name ?? ""));
    return found;
  }

  /** One of them; makes only the drafts of its form. */
  draft(index: number): Draft {
    const at = this.ends.findIndex((end) => index < end);
    const candidate = at < 0 ? undefined : this.candidate();
    if (!candidate) return this.drafts()[index]!;
    return draftsOf(STORAGE_FORMS[at]!, candidate)[index - (this.ends[at - 1] ?? 0)]!;
  }

  private candidate(): Candidate | undefined {
    if (this.opset === undefined) return undefined;
    const candidate = this.known ?? candidateOf(this.tensor, this.opset);
    if (storedByteLength(this.tensor) >= KEPT_FROM) this.known = candidate;
    return candidate;
  }
}
