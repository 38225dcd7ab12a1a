/**
 * Strings that survive a round trip even if a file breaks the rule that they are UTF-8 (doc strings in
 * Latin-1 exist). Bytes that are not UTF-8 become lone surrogates, as in Python's `surrogateescape` (PEP
 * 383).
 */

const ESCAPE = 0xdc00;
/** With the u flag, this matches only lone surrogates, never half of a pair. */
const ESCAPED = /([\udc80-\udcff])/u;

/** The text of bytes `start` to `end`. */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  // Node replaces an invalid byte by U+FFFD, which may also be in the file itself.
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes.subarray(start, end))) return text;
  return bytes
    .toString("latin1", start, end)
    .replace(/[\u0080-\u00ff]/g, (byte) => String.fromCharCode(ESCAPE + byte.charCodeAt(0)));
}

/** The bytes that `decodeText` decoded. */
export function encodeText(text: string): Uint8Array {
  if (!ESCAPED.test(text)) return Buffer.from(text);
  return Buffer.concat(
    text
      .split(ESCAPED)
      .map((part) => (ESCAPED.test(part) ? Buffer.of(part.charCodeAt(0) - ESCAPE) : Buffer.from(part))),
  );
}

/** Whether the text holds bytes that are not UTF-8. */
export function isEscaped(text: string): boolean {
  return ESCAPED.test(text);
}
