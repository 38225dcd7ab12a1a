/** What messages call a model: what the caller calls it, else its path as given. */
export function sessionLabel(model: string | Uint8Array, label?: string): string {
  return label ?? (typeof model === "string" ? model : `model of ${model.byteLength} bytes`);
}
