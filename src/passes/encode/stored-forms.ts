/**
 * The compact forms that constants had in the file, to restore them if no value has changed.
 */
import {
  contentKey,
  DataType,
  opsetVersion,
  shapeKey,
  type Model,
  type StoredForm,
  type Tensor,
} from "../../ir/index.js";
import { CHAIN_OPERATORS } from "./decode-cost.js";
import { Draft } from "./decoder-builder.js";

/** Operators whose meaning and attributes, as chains use them, are the same from operator set 9 to 26. */
const LASTING: ReadonlySet<string> = new Set([...CHAIN_OPERATORS, "Where"]);

/** Stored forms by content, because passes rename, copy and merge constants. */
export class StoredForms {
  private readonly byKey = new Map<string, StoredForm>();
  private readonly byName = new Map<string, StoredForm>();
  private readonly shapes = new Set<string>();

  constructor(model: Model) {
    const opset = opsetVersion(model);
    for (const form of model.storedForms ?? []) {
      this.byName.set(form.name, form);
      if (form.opset !== opset && !form.nodes.every(({ opType }) => LASTING.has(opType))) continue;
      this.byKey.set(form.key, form);
      this.shapes.add(form.key.slice(0, form.key.lastIndexOf(" ")));
    }
  }

  /** The form of a constant that still has the very values that the file had. */
  of(tensor: Tensor): StoredForm | undefined {
    return this.shapes.has(shapeKey(tensor)) ? this.byKey.get(contentKey(tensor)) : undefined;
  }

  /**
   * Whether the file held the constant of that name as int8 codes of its shape, whatever its values are now.
   */
  wasInt8({ name, dims }: Tensor): boolean {
    const form = this.byName.get(name ?? "");
    if (!form?.nodes.every(({ opType }) => opType === "Cast" || opType === "Mul")) return false;
    return [...form.constants.values()].some(
      (codes) => codes.dataType === DataType.INT8 && codes.dims.join() === dims.join(),
    );
  }
}

/** The chain as one of the forms to choose among. */
export function draftOf(form: StoredForm, target: string): Draft {
  const draft = new Draft("restored", "as the file had it");
  const names = new Map<string, string>([["", ""]]);
  for (const [name, tensor] of form.constants) names.set(name, draft.existing(tensor));
  for (const { opType, inputs, outputs, attributes } of form.nodes) {
    names.set(
      outputs[0] ?? "",
      draft.op(
        opType,
        inputs.map((name) => names.get(name) ?? name),
        attributes,
      ),
    );
  }
  return draft.finish(target);
}
