/** Arrays that stay in their file: what is read of them, in any order, size and compression. */
import { mkdtemp, open as openFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ByteSource } from "../../src/data/byte-source.js";
import { openDataset, type Sample } from "../../src/data/index.js";
import { npzArrays } from "../../src/data/readers/npz.js";
import { sampleArray } from "../../src/data/sample-array.js";
import { EdgecError } from "../../src/errors.js";
import { DataType, tensorValue, type NumericArray } from "../../src/ir/index.js";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";
import { mulberry32 } from "../../src/numeric/mulberry32.js";
import { zip64Bytes } from "./zip-bytes.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgec-large-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Bytes in memory that count what is read of them. */
function counted(bytes: Uint8Array): ByteSource & { read: number } {
  const source = {
    length: bytes.length,
    read: 0,
    open: () => {
      let at = 0;
      return Promise.resolve({
        read: (length: number) => {
          source.read += length;
          return Promise.resolve(bytes.slice(at, (at += length)));
        },
        close: () => Promise.resolve(),
      });
    },
  };
  return source;
}

/** The value at each place of an array [rows, ...rest] is its row-major index; here in Fortran order. */
function fortranIndices(dims: readonly number[]): Int32Array {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return Int32Array.from({ length: count }, (_, at) => {
    let [index, stride, left] = [0, count, at];
    const strides = dims.map((dim) => (stride /= dim));
    dims.forEach((dim, axis) => {
      index += (left % dim) * strides[axis]!;
      left = Math.floor(left / dim);
    });
    return index;
  });
}

async function all(path: string, name: string, dims: readonly number[]): Promise<NumericArray[]> {
  const source = await (await npzArrays(path)).get(name)!();
  const reader = await (await sampleArray(source, path, 0)).open();
  const size = dims.slice(1).reduce((product, dim) => product * dim, 1);
  try {
    const rows: NumericArray[] = [];
    for (let row = 0; row < dims[0]!; row++) rows.push(await reader.next(size));
    return rows;
  } finally {
    await reader.close();
  }
}

describe("arrays that stay in their file", () => {
  it("reads random shapes in both orders and byte orders, stored and deflated", async () => {
    const random = mulberry32(5);
    const upTo = (most: number): number => 1 + Math.floor(random() * most);
    for (let trial = 0; trial < 40; trial++) {
      const dims = Array.from({ length: upTo(4) }, () => upTo(6));
      const count = dims.reduce((product, dim) => product * dim, 1);
      const fortran = random() < 0.5;
      const big = random() < 0.3;
      const values = fortran ? fortranIndices(dims) : Int32Array.from({ length: count }, (_, i) => i);
      const bytes = Buffer.from(values.buffer);
      if (big) bytes.swap32();
      const path = join(folder, "random.npz");
      await writeFile(
        path,
        npzBytes({ x: npyBytes(big ? ">i4" : "<i4", dims, bytes, { fortran }) }, random() < 0.5 ? 0 : 6),
      );
      const rows = await all(path, "x", dims);
      expect(rows.flatMap((row) => [...(row as Int32Array)])).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });

  it("reads the head and the samples that are asked for, and no more", async () => {
    const samples = 1000;
    const source = counted(npyBytes("<f4", [samples, 256], new Float32Array(samples * 256)));
    const array = await sampleArray(source, "x", 0);
    const afterHead = source.read;
    const reader = await array.open();
    await reader.next(256);
    await reader.next(256);
    expect([afterHead, source.read - afterHead]).toEqual([12 + 64 * 1024, 128 + 2 * 1024]);
  });

  it("keeps a small array in memory and reads it once", async () => {
    const source = counted(npyBytes("<f4", [4, 2], new Float32Array(8)));
    const array = await sampleArray(source, "x");
    for (let pass = 0; pass < 3; pass++) await (await array.open()).next(2);
    expect(source.read).toBe(source.length);
  });
});

describe("zip files", () => {
  const x = npyBytes("<f4", [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5));
  const inputs = [tensorValue("x", DataType.FLOAT, ["n", 3])];
  const opened = async (bytes: Uint8Array) => {
    const path = join(folder, "made.npz");
    await writeFile(path, bytes);
    return openDataset(path, inputs);
  };

  it("finds members by the sizes and offsets of zip64", async () => {
    const dataset = await opened(
      zip64Bytes([
        { name: "other.npy", content: x },
        { name: "x.npy", content: x },
      ]),
    );
    const samples: Sample[] = [];
    for await (const sample of dataset.samples()) samples.push(sample);
    expect(samples.map(({ feed }) => feed.x?.data)).toEqual([
      Float32Array.of(0, 1, 2),
      Float32Array.of(3, 4, 5),
    ]);
  });

  it("reads members beyond 4 GiB of a file", async () => {
    const path = join(folder, "beyond.npz");
    const before = 5 * 2 ** 30;
    const file = await openFile(path, "w");
    // Nothing is stored of the hole before it.
    await file.write(zip64Bytes([{ name: "x.npy", content: x }], before), 0, undefined, before);
    await file.close();
    const dataset = await openDataset(path, inputs);
    for await (const { feed } of dataset.samples()) {
      expect(feed.x?.data).toEqual(Float32Array.of(0, 1, 2));
      break;
    }
  });

  it.each([
    [
      "claims more than is stored",
      { claims: { length: 2 ** 40 } },
      /claims 1099511627776 bytes from \d+ comp/,
    ],
    ["is cut off", { claims: { packed: 2 ** 40, length: 10 } }, /member "x\.npy" is cut off/],
    ["lies elsewhere", { claims: { headerAt: 3 } }, /member "x\.npy" is not where its directory says/],
    ["lies outside", { claims: { headerAt: 2 ** 50 } }, /member "x\.npy" is not where its directory says/],
    ["is encrypted", { flags: 1 }, /array "x" is encrypted\. Save it without a password/],
    ["is compressed otherwise", { method: 14 }, /compressed by method 14 of zip\. Save it with numpy/],
    ["is not deflated as it says", { method: 8 }, /not a readable \.npz \(zip\) file/],
  ])("refuses a member that %s", async (_, more, message) => {
    await expect(opened(zip64Bytes([{ name: "x.npy", content: x, ...more }]))).rejects.toThrow(message);
  });

  it("reads or refuses damaged files, and does nothing else", async () => {
    const random = mulberry32(9);
    for (let trial = 0; trial < 150; trial++) {
      const bytes =
        trial % 3 === 0
          ? zip64Bytes([{ name: "x.npy", content: x }])
          : npzBytes({ x }, trial % 2 === 0 ? 0 : 6);
      for (let k = 0; k < 3; k++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const size = random() < 0.2 ? Math.floor(random() * bytes.length) : bytes.length;
      try {
        for await (const { feed } of (await opened(bytes.subarray(0, size))).samples())
          expect(feed.x?.data).toHaveLength(3);
      } catch (error) {
        expect(error, String(error)).toBeInstanceOf(EdgecError);
      }
    }
  });
});
