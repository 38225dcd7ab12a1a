/**
 * Temporary files of calibration and of data: calls that transfer less than asked, a full disk, a file that was
 * cut off.
 */
import fs, { truncateSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BoundaryReader, BoundaryWriter, type StoredBoundary } from "../../src/calibration/boundary-file.js";
import { readInputs } from "../../src/calibration/layer-inputs.js";
import { readGram, writeGram } from "../../src/calibration/moments-file.js";
import { ValuesFile } from "../../src/calibration/values-file.js";
import { plainBytes } from "../../src/data/byte-source.js";
import { rowsOfFortranArray } from "../../src/data/fortran-rows.js";
import { npyLayout } from "../../src/data/readers/npy.js";
import { DataType, type Feed } from "../../src/ir/index.js";
import type { MeasuredGram } from "../../src/numeric/statistics.js";
import { isEqualFile } from "../../src/output/edgec-mark.js";
import { npyBytes } from "../support/npy-bytes.js";
import { normalArray } from "../support/seeded.js";
import { temporaryFolder } from "../support/temporary-folder.js";

/** The most bytes of one call, and whether there is no space for the next write. */
const disk = { most: Infinity, isFull: false };
const { readSync, writeSync } = fs;
type Transfer = (file: number, bytes: Uint8Array, offset: number, length: number, at: number) => number;
const read: Transfer = (file, bytes, offset, length, at) =>
  readSync(file, bytes, offset, Math.min(length, disk.most), at);
const write: Transfer = (file, bytes, offset, length, at) => {
  const full = { code: "ENOSPC", syscall: "write" };
  if (disk.isFull) throw Object.assign(new Error("ENOSPC: no space left on device, write"), full);
  return writeSync(file, bytes, offset, Math.min(length, disk.most), at);
};
const use = (functions: object): void => {
  Object.assign(fs, functions);
  syncBuiltinESMExports();
};
beforeEach(() => use({ readSync: read, writeSync: write }));
afterEach(() => use({ readSync, writeSync }));

const folder = temporaryFolder();
let count = 0;
const newPath = (): string => join(folder.path, String(count++));
afterEach(() => void Object.assign(disk, { most: Infinity, isFull: false }));

const gram: MeasuredGram = {
  size: 3,
  rows: 5,
  matrices: [1, 2].map((seed) => Float64Array.from(normalArray(9, seed), (x) => 1 + x ** 2)),
  means: [Float64Array.of(1, 2, 3), Float64Array.of(-1, 0, 4)],
};
const feed: Feed = {
  codes: { dataType: DataType.UINT8, dims: [5], data: Uint8Array.of(1, 2, 3, 4, 255) },
  ids: { dataType: DataType.INT64, dims: [2], data: BigInt64Array.of(-1n, 2n ** 62n) },
  reals: { dataType: DataType.FLOAT, dims: [2, 2], data: normalArray(4, 3) },
};

function boundary(path = newPath()): StoredBoundary | undefined {
  const writer = new BoundaryWriter({ path, names: Object.keys(feed), mostBytes: 1e6 });
  writer.add(feed);
  writer.add(feed);
  return writer.finish();
}

function sample(stored: StoredBoundary, index: number): Feed {
  const reader = new BoundaryReader(stored);
  try {
    return reader.read(index);
  } finally {
    reader.close();
  }
}

describe.each([1, 7, Infinity])("calls that transfer %d bytes at most", (most) => {
  it("write and read all of a matrix and of a boundary", () => {
    disk.most = most;
    const stored = writeGram(gram, newPath());
    expect(readGram(stored)).toEqual(gram);
    expect(readInputs({ file: stored, group: 1 })).toBeDefined();
    expect(sample(boundary()!, 1)).toEqual(feed);
  });

  it("copy all of an array in Fortran order", async () => {
    disk.most = most;
    // Column by column: [[0, 1, 2], [3, 4, 5]].
    const path = newPath();
    fs.writeFileSync(path, npyBytes("<f4", [2, 3], Float32Array.of(0, 3, 1, 4, 2, 5), { fortran: true }));
    const bytes = fs.readFileSync(path);
    const layout = npyLayout(bytes, bytes.length, path);
    const rows = await rowsOfFortranArray(plainBytes(path, 0, bytes.length), layout);
    const reader = await rows.open();
    const copy = layout.elements(await reader.read(layout.bytes));
    await reader.close();
    expect([...copy]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("find files equal that are, and no others", () => {
    disk.most = most;
    const [one, same, other] = [newPath(), newPath(), newPath()];
    writeGram(gram, one);
    writeGram(gram, same);
    writeGram({ ...gram, means: [gram.means[0]!, Float64Array.of(-1, 0, 5)] }, other);
    expect([isEqualFile(one, same), isEqualFile(one, other)]).toEqual([true, false]);
  });
});

it("a file that was cut off is named, with what to do, by all that read it", () => {
  const stored = writeGram(gram, newPath());
  truncateSync(stored.path, 100);
  const values = boundary()!;
  truncateSync(values.path, 40);
  const fault = (path: string) => ({
    code: "CANNOT_READ",
    message:
      `the temporary file of calibration ${path}: it ends too early, so something has changed it. ` +
      "Run edgec again.",
  });
  for (const read of [() => readGram(stored), () => readInputs({ file: stored, group: 1 })])
    expect(read).toThrow(expect.objectContaining(fault(stored.path)));
  expect(() => sample(values, 1)).toThrow(expect.objectContaining(fault(values.path)));
});

it("a file that is gone is named", () => {
  const path = newPath();
  expect(() => ValuesFile.open(path)).toThrow(
    expect.objectContaining({ code: "CANNOT_READ", message: expect.stringContaining(path) as string }),
  );
});

it("a full disk is an error for a matrix, and leaves no boundary, as a round can start from the inputs", () => {
  disk.isFull = true;
  const path = newPath();
  expect(() => writeGram(gram, path)).toThrow(
    expect.objectContaining({
      code: "CANNOT_WRITE",
      message: expect.stringMatching(
        /^the temporary file of calibration .*: ENOSPC: .*Free some disk space.*TMPDIR/,
      ) as string,
    }),
  );
  expect(boundary()).toBeUndefined();
});
