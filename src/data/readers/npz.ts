/** NumPy archives: a zip of .npy members, which are read in pieces. */
import { BadDataError } from "../../errors.js";
import { deflatedBytes, plainBytes, type ByteSource } from "../byte-source.js";
import { DataFile } from "../data-file.js";
import { contentOffset, zipMembers, type ZipMember } from "./zip-directory.js";

/** Deflate cannot expand by more than this, so a member that claims more is a damaged or hostile file. */
const DEFLATE_LIMIT = 1032;
const STORED = 0;
const DEFLATED = 8;

/** The arrays of a .npz by name, as bytes of .npy files. Throws BadDataError when it is not a zip file. */
export async function npzArrays(path: string): Promise<ReadonlyMap<string, () => Promise<ByteSource>>> {
  const file = await DataFile.open(path);
  try {
    const members = (await zipMembers(file)).filter(({ name }) => name.endsWith(".npy"));
    return new Map(
      members.map((member) => {
        const name = member.name.slice(0, -".npy".length);
        return [name, () => contentOf(path, name, member)];
      }),
    );
  } finally {
    await file.close();
  }
}

/** Throws BadDataError if the directory's entry for the member cannot be true. */
async function contentOf(path: string, name: string, member: ZipMember): Promise<ByteSource> {
  const file = await DataFile.open(path);
  try {
    const { method, packed, length } = member;
    const where = `${path}: array "${name}"`;
    const available = Math.min(packed, file.length);
    const most = method === STORED ? available : (available + 1) * DEFLATE_LIMIT;
    if (length > most)
      throw new BadDataError(
        `${where} claims ${length} bytes from ${available} compressed ones. The file is damaged.`,
      );
    if (member.isEncrypted) throw new BadDataError(`${where} is encrypted. Save it without a password`);
    const offset = await contentOffset(file, member);
    if (method === STORED) return plainBytes(path, offset, length);
    if (method === DEFLATED) return deflatedBytes(path, { offset, packed, length }, path);
    throw new BadDataError(
      `${where} is compressed by method ${method} of zip. Save it with numpy.savez or numpy.savez_compressed`,
    );
  } finally {
    await file.close();
  }
}
