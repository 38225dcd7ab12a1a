/** Zip files put together field by field, as zipfile.py of Python writes them and as nobody should. */

interface Member {
  readonly name: string;
  readonly content: Uint8Array;
  /** What the directory says; default: the truth. */
  readonly claims?: { readonly length?: number; readonly packed?: number; readonly headerAt?: number };
  readonly method?: number;
  readonly flags?: number;
}

/**
 * Stored members with all their sizes in zip64 fields, as numpy.savez writes those of more than 4 GiB (the
 * local header has them for all).
 * @param shift where in the file these bytes will lie
 */
export function zip64Bytes(members: readonly Member[], shift = 0): Uint8Array {
  const parts: Uint8Array[] = [];
  const entries: Uint8Array[] = [];
  let at = shift;
  const put = (bytes: Uint8Array): void => void (parts.push(bytes), (at += bytes.length));
  for (const member of members) {
    const headerAt = at;
    put(localHeader(member));
    put(member.content);
    entries.push(entry(member, headerAt));
  }
  const directoryAt = at;
  for (const bytes of entries) put(bytes);
  const length = at - directoryAt;
  const endAt = at;
  put(end64(members.length, length, directoryAt));
  put(locator(endAt));
  put(end(members.length));
  return Buffer.concat(parts);
}

function localHeader({ name, content, method = 0, flags = 0 }: Member): Uint8Array {
  const extra = [u16(1), u16(16), u64(content.length), u64(content.length)];
  const sizes = [u32(0xffffffff), u32(0xffffffff)];
  const names = [u16(name.length), u16(20), Buffer.from(name)];
  return Buffer.concat([
    u32(0x04034b50),
    u16(45),
    u16(flags),
    u16(method),
    u32(0),
    u32(0),
    ...sizes,
    ...names,
    ...extra,
  ]);
}

function entry({ name, content, claims = {}, method = 0, flags = 0 }: Member, headerAt: number): Uint8Array {
  const { length = content.length, packed = content.length } = claims;
  const extra = [u16(1), u16(24), u64(length), u64(packed), u64(claims.headerAt ?? headerAt)];
  return Buffer.concat([
    ...[u32(0x02014b50), u16(45), u16(45), u16(flags), u16(method), u32(0), u32(0)],
    ...[u32(0xffffffff), u32(0xffffffff), u16(name.length), u16(28), u16(0), u16(0), u16(0), u32(0)],
    ...[u32(0xffffffff), Buffer.from(name), ...extra],
  ]);
}

function end64(count: number, length: number, at: number): Uint8Array {
  const counts = [u64(count), u64(count), u64(length), u64(at)];
  return Buffer.concat([u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), ...counts]);
}

function locator(at: number): Uint8Array {
  return Buffer.concat([u32(0x07064b50), u32(0), u64(at), u32(1)]);
}

function end(count: number): Uint8Array {
  const counts = [u16(count), u16(count), u32(0xffffffff), u32(0xffffffff), u16(0)];
  return Buffer.concat([u32(0x06054b50), u16(0), u16(0), ...counts]);
}

const u16 = (value: number): Uint8Array => new Uint8Array(Uint16Array.of(value).buffer);
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
