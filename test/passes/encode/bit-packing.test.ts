import { describe, expect, it } from "vitest";
import { DataType } from "../../../src/ir/index.js";
import { packingsFor, packWords, roomiestRadixes } from "../../../src/passes/encode/bit-packing.js";

const packing = (type: DataType, digitsPerWord: number, words: number) => ({ type, digitsPerWord, words });

describe("packWords", () => {
  it("puts the stream's first half in the low digits of two-digit words", () => {
    expect([
      ...packWords(
        [
          [1, 2],
          [3, 4],
        ],
        16,
        packing(DataType.UINT8, 2, 2),
      ),
    ]).toEqual([0x31, 0x42]);
  });

  it("packs by any radix, missing digits being zero", () => {
    expect([...packWords([[2], [1, 2, 0], [1, 2]], 3, packing(DataType.UINT8, 5, 2))]).toEqual([
      2 + 2 * 3 + 1 * 9,
      1 + 0 * 3 + 2 * 9,
    ]);
  });

  it("lays UINT4 out as ONNX does, first element in the low half", () => {
    expect([...packWords([[1, 2], [3]], 16, packing(DataType.UINT4, 1, 3))]).toEqual([0x21, 0x03]);
  });

  it("fills an int32 without touching its sign", () => {
    const bytes = packWords([new Array<number>(31).fill(1)], 2, packing(DataType.INT32, 31, 1));
    expect(new Int32Array(bytes.buffer)[0]).toBe(2 ** 31 - 1);
  });
});

describe("packingsFor", () => {
  it("offers UINT4 from operator set 21 on, never with more than one digit", () => {
    expect(packingsFor(4, 8, 20).some(({ type }) => type === DataType.UINT4)).toBe(false);
    expect(packingsFor(4, 8, 21).filter(({ type }) => type === DataType.UINT4)).toEqual([
      packing(DataType.UINT4, 1, 8),
    ]);
  });

  it("offers as many digits as fit, and as many as leave no padding", () => {
    const bytes = packingsFor(3, 9, 11).filter(({ type }) => type === DataType.UINT8);
    expect(bytes).toEqual([packing(DataType.UINT8, 5, 2), packing(DataType.UINT8, 3, 3)]);
  });
});

describe("roomiestRadixes", () => {
  it("never lets a word overflow its container", () => {
    const capacities = {
      [DataType.UINT8]: 2 ** 8,
      [DataType.UINT16]: 2 ** 16,
      [DataType.INT32]: 2 ** 31,
    } as Record<number, number>;
    for (const { type, digitsPerWord, radix } of roomiestRadixes(2)) {
      expect(radix ** digitsPerWord).toBeLessThanOrEqual(capacities[type] ?? 0);
      expect((radix + 1) ** digitsPerWord).toBeGreaterThan(capacities[type] ?? 0);
    }
  });
});
