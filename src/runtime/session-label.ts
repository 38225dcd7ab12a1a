/** What messages call a model: its path as the caller gave it, or what a file of edgec's own holds. */
import { fileLabel } from "../onnx/own-files.js";

export function sessionLabel(model: string | Uint8Array): string {
  return typeof model === "string" ? fileLabel(model) : `model of ${model.byteLength} bytes`;
}
