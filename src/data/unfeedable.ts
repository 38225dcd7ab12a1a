/** Inputs that no data can be given for. */
import { isDeclaredOtherwise } from "../ir/index.js";
import { typeWords } from "../onnx/index.js";
import type { ModelInputs } from "./dataset.js";

/** Why the model cannot be run at all; undefined when all its inputs are tensors. */
export function unfeedable(inputs: ModelInputs): string | undefined {
  const found = inputs.find(isDeclaredOtherwise);
  return (
    found?.type &&
    `input "${found.name}" is ${typeWords(found.type)}, and onnxruntime's JavaScript API takes tensors alone, so ` +
      "edgec cannot run the model"
  );
}
