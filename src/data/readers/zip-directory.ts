/** Reads the members of a zip file from its central directory (APPNOTE 6.3), with the 64-bit sizes of zip64. */
import { BadDataError } from "../../errors.js";
import { DataFile } from "../data-file.js";

export interface ZipMember {
  readonly name: string;
  /** 0: stored as it is; 8: deflated. */
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly packed: number;
  /** The size of the content, according to the directory. */
  readonly length: number;
  /** Where the member's own header begins. */
  readonly headerAt: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_BYTES = 20;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
/** An archive of a million members has a directory of this size. */
const LARGEST_DIRECTORY = 2 ** 26;
/** Marks a size that is in the zip64 field. */
const SEE_64 = 0xffffffff;
const FIELD_64 = 1;

/** Throws BadDataError when it is not a zip file, or a damaged one. */
export async function zipMembers(file: DataFile): Promise<ZipMember[]> {
  const { at, length } = await directoryPlace(file);
  if (length > LARGEST_DIRECTORY || at + length > file.length) throw notZip(file, "invalid zip data");
  const bytes = viewOf(await file.read(at, length));
  const members: ZipMember[] = [];
  for (let from = 0; from + ENTRY_BYTES <= bytes.byteLength && bytes.getUint32(from, true) === ENTRY;) {
    const size =
      ENTRY_BYTES + [28, 30, 32].reduce((sum, field) => sum + bytes.getUint16(from + field, true), 0);
    if (from + size > bytes.byteLength) throw notZip(file, "its directory is cut off");
    members.push(memberOf(bytes, from));
    from += size;
  }
  return members;
}

/** The offset of a member's content. Throws BadDataError if it is not within the file. */
export async function contentOffset(file: DataFile, member: ZipMember): Promise<number> {
  const header = viewOf(await file.read(member.headerAt, LOCAL_BYTES));
  if (header.byteLength < LOCAL_BYTES || header.getUint32(0, true) !== LOCAL)
    throw notZip(file, `the member "${member.name}" is not where its directory says`);
  const offset = member.headerAt + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (offset + member.packed > file.length) throw notZip(file, `the member "${member.name}" is cut off`);
  return offset;
}

async function directoryPlace(file: DataFile): Promise<{ at: number; length: number }> {
  const tailAt = Math.max(0, file.length - END_BYTES - LONGEST_COMMENT - LOCATOR_BYTES);
  const tail = viewOf(await file.read(tailAt, file.length - tailAt));
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw notZip(file, "invalid zip data");
  const locator = end - LOCATOR_BYTES;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_64)
    return { length: tail.getUint32(end + 12, true), at: tail.getUint32(end + 16, true) };
  const end64 = viewOf(await file.read(wide(tail, locator + 8), 56));
  if (end64.byteLength < 56 || end64.getUint32(0, true) !== END_64) throw notZip(file, "invalid zip data");
  return { length: wide(end64, 40), at: wide(end64, 48) };
}

function memberOf(bytes: DataView, from: number): ZipMember {
  const flags = bytes.getUint16(from + 8, true);
  const nameLength = bytes.getUint16(from + 28, true);
  const extraAt = from + ENTRY_BYTES + nameLength;
  const fields = extraField(bytes, extraAt, extraAt + bytes.getUint16(from + 30, true));
  // The zip64 field has only the marked sizes, in this order.
  const size = (at: number): number => {
    const value = bytes.getUint32(at, true);
    if (value !== SEE_64 || !fields || fields.at + 8 > fields.end) return value;
    fields.at += 8;
    return wide(bytes, fields.at - 8);
  };
  const [length, packed, headerAt] = [size(from + 24), size(from + 20), size(from + 42)];
  const name = new Uint8Array(bytes.buffer, bytes.byteOffset + from + ENTRY_BYTES, nameLength);
  return {
    name: new TextDecoder((flags & 0x800) === 0 ? "latin1" : "utf-8").decode(name),
    method: bytes.getUint16(from + 10, true),
    isEncrypted: (flags & 1) !== 0,
    packed,
    length,
    headerAt,
  };
}

/** The zip64 part of an entry's extra fields, if it has one. */
function extraField(bytes: DataView, from: number, to: number): { at: number; end: number } | undefined {
  for (let at = from; at + 4 <= to;) {
    const end = at + 4 + bytes.getUint16(at + 2, true);
    if (bytes.getUint16(at, true) === FIELD_64) return { at: at + 4, end: Math.min(end, to) };
    at = end;
  }
  return undefined;
}

function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function notZip(file: DataFile, reason: string): BadDataError {
  return new BadDataError(`${file.path}: not a readable .npz (zip) file: ${reason}`);
}
