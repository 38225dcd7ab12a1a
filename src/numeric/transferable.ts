/** Finds memory that can be transferred to another thread instead of being copied. */

/** Smaller arrays are cheaper to copy than to transfer. Bytes. */
const HAND_OVER_FROM = 16_384;

/**
 * The buffers in `value`, including nested arrays and plain objects, that hold exactly one large typed array.
 * The sender loses transferred buffers.
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
