import { describe, expect, it } from "vitest";
import { parseNpy } from "../../src/data/readers/npy.js";
import { DataType } from "../../src/ir/index.js";
import { npyBytes } from "../support/npy-bytes.js";

describe("parseNpy", () => {
  it("reads the bytes that numpy.save(np.arange(6, dtype=np.int16).reshape(2, 3)) writes", () => {
    // As NumPy 2.4 wrote it: magic, version 1.0, header length 118, header padded with spaces to 128 bytes
    // in all, values.
    const header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117) + "\n";
    const bytes = Uint8Array.from([
      ...Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1"),
      ...Buffer.from(header),
      0,
      0,
      1,
      0,
      2,
      0,
      3,
      0,
      4,
      0,
      5,
      0,
    ]);
    expect(bytes.length).toBe(140);
    expect(parseNpy(bytes, "a.npy")).toEqual({
      dims: [2, 3],
      dataType: DataType.INT16,
      data: Int16Array.of(0, 1, 2, 3, 4, 5),
    });
  });

  it.each([
    ["<f4", Float32Array.of(1.5, -2), DataType.FLOAT],
    ["<f8", Float64Array.of(1.5, -2), DataType.DOUBLE],
    ["<f2", Uint16Array.of(0x3e00, 0xc000), DataType.FLOAT16],
    ["|i1", Int8Array.of(-1, 2), DataType.INT8],
    ["|u1", Uint8Array.of(255, 2), DataType.UINT8],
    ["<u2", Uint16Array.of(65_535, 2), DataType.UINT16],
    ["<i4", Int32Array.of(-1, 2), DataType.INT32],
    ["<u4", Uint32Array.of(4_294_967_295, 2), DataType.UINT32],
    ["<i8", BigInt64Array.of(-1n, 2n), DataType.INT64],
    ["<u8", BigUint64Array.of(1n, 2n), DataType.UINT64],
    ["|b1", Uint8Array.of(1, 0), DataType.BOOL],
  ])("reads dtype %s", (descr, data, dataType) => {
    expect(parseNpy(npyBytes(descr, [2], data), "a.npy")).toEqual({ dims: [2], dataType, data });
  });

  it("reads big-endian values", () => {
    const bytes = Uint8Array.of(0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0);
    expect(parseNpy(npyBytes(">f4", [2], bytes), "a.npy").data).toEqual(Float32Array.of(1.5, -2));
  });

  it("turns Fortran order to row-major", () => {
    // np.asfortranarray(np.arange(6).reshape(1, 2, 3)): the first axis runs fastest in memory.
    const array = parseNpy(
      npyBytes("<f4", [1, 2, 3], Float32Array.of(0, 3, 1, 4, 2, 5), { fortran: true }),
      "a.npy",
    );
    expect(array.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
  });

  it("reads a scalar and format version 2", () => {
    const bytes = npyBytes("<f4", [], Float32Array.of(7), { version: 2 });
    expect(parseNpy(bytes, "a.npy")).toEqual({
      dims: [],
      dataType: DataType.FLOAT,
      data: Float32Array.of(7),
    });
  });

  it.each([
    ["Python objects", npyBytes("|O", [1], new Uint8Array(8)), /a\.npy: holds Python objects.*\.jsonl/],
    ["strings", npyBytes("<U4", [1], new Uint8Array(16)), /'descr': '<U4' is not supported\. Use bool/],
    ["another file", new TextEncoder().encode("hello, world"), /not a NumPy \.npy array/],
    [
      "a cut file",
      npyBytes("<f4", [4], new Float32Array(3)),
      /ends early: shape \[4\] needs 16 bytes, 12 follow/,
    ],
    ["an absurd shape", npyBytes("<f4", [4_000_000_000, 4_000_000_000], new Float32Array(3)), /ends early/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseNpy(bytes, "a.npy")).toThrow(message);
  });
});
