/** What messages call a model: its path as the caller gave it. */
export function sessionLabel(model: string | Uint8Array): string {
  return typeof model === "string" ? model : `model of ${model.byteLength} bytes`;
}
