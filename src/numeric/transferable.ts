/** Which memory can be handed over to another thread instead of being copied. */

/** Smaller arrays are cheaper to copy than to hand over. Bytes. */
const HAND_OVER_FROM = 16_384;

/**
 * The buffers in `value`, arrays and plain objects searched through, that hold nothing but one large typed array. Whoever
 * hands them over loses them.
 */
export function transferable(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(value, found);
  return [...found];
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (ArrayBuffer.isView(value)) {
    const isWhole = value.byteLength >= HAND_OVER_FROM && value.byteLength === value.buffer.byteLength;
    if (isWhole && value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === "object" && value !== null) {
    for (const part of Array.isArray(value) ? value : Object.values(value)) collect(part, found);
  }
}
