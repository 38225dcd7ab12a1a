/** NumPy archives: a zip of .npy members. */
import { unzipSync, type UnzipFileInfo } from "fflate";
import { BadDataError } from "../errors.js";
import type { RawArray } from "./conform.js";
import { parseNpy } from "./npy.js";

/** Deflate cannot expand by more than this, so a member that claims more is a damaged or hostile file. */
const DEFLATE_LIMIT = 1032;
const MAX_ARRAY_BYTES = 2 ** 32;

/** The names of the arrays in a .npz, without reading them. Throws BadDataError when it is not a zip file. */
export function npzNames(bytes: Uint8Array, file: string): string[] {
  const names: string[] = [];
  unzip(bytes, file, (member) => {
    if (member.name.endsWith(".npy")) names.push(member.name.slice(0, -".npy".length));
    return false;
  });
  return names;
}

/** Decompresses one array. Throws BadDataError when it is damaged or is not a plain array of numbers. */
export function npzArray(bytes: Uint8Array, name: string, file: string): RawArray {
  const member = `${name}.npy`;
  const found = unzip(bytes, file, (entry) => {
    if (entry.name !== member) return false;
    const available = Math.min(entry.size, bytes.byteLength);
    if (entry.originalSize > Math.min(MAX_ARRAY_BYTES, (available + 1) * DEFLATE_LIMIT)) {
      throw new BadDataError(
        `${file}: array "${name}" claims ${entry.originalSize} bytes from ${available} ` +
          "compressed ones; the file is damaged",
      );
    }
    return true;
  })[member];
  if (!found) throw new BadDataError(`${file}: there is no array "${name}"`);
  return parseNpy(found, `${file}: array "${name}"`);
}

function unzip(
  bytes: Uint8Array,
  file: string,
  filter: (member: UnzipFileInfo) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, { filter });
  } catch (cause) {
    if (cause instanceof BadDataError) throw cause;
    throw new BadDataError(`${file}: not a readable .npz (zip) file: ${(cause as Error).message}`, { cause });
  }
}
