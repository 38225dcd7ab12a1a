/** Name of a model in messages: the given label, or its path. */
export function sessionLabel(model: string | Uint8Array, label?: string): string {
  return label ?? (typeof model === "string" ? model : `model of ${model.byteLength} bytes`);
}
