/** Finds inputs that cannot be given data. */
import { isDeclaredOtherwise } from "../ir/index.js";
import { typeWords } from "../onnx/index.js";
import type { ModelInputs } from "./dataset.js";

/** Why the model cannot be run at all; undefined when all its inputs are tensors. */
export function unfeedable(inputs: ModelInputs): string | undefined {
  const found = inputs.find(isDeclaredOtherwise);
  return (
    found?.type &&
    `input "${found.name}" is ${typeWords(found.type)}, but onnxruntime's JavaScript API ` +
      "only accepts tensors, so edgec cannot run the model"
  );
}
