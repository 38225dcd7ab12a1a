/** The reader of `printModel`'s text: whatever was printed in full is read back as it was. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attribute, DataType, emptyGraph, parseModel, printModel, type Model } from "../../src/ir/index.js";
import { floatToBfloat } from "../../src/ir/half.js";
import { decodeModel } from "../../src/onnx/index.js";
import { operatorTests } from "../support/operator-archive.js";
import { randomModel } from "./random-model.js";

const IN_FULL = { shown: Infinity };
const again = (text: string): string => printModel(parseModel(text), IN_FULL);
const inGraph = (lines: string): string => `model ir=8 ai.onnx=17\ngraph g {\n${lines}\n}\n`;
const constantOf = (text: string) => parseModel(inGraph(`const %w: ${text}`)).graph.initializers[0]!;

const badModel = (message: RegExp): Error =>
  expect.objectContaining({ code: "BAD_MODEL", message: expect.stringMatching(message) as string }) as Error;

describe("what printModel writes in full", () => {
  it("is read back, for every operator model", () => {
    const changed = operatorTests().filter(({ model }) => {
      const text = printModel(decodeModel(model), IN_FULL);
      return again(text) !== text;
    });
    expect(changed.map(({ name }) => name)).toEqual([]);
  });

  it.each(["lenet", "mbv2"])("is read back, for %s", (name) => {
    const model = decodeModel(readFileSync(new URL(`../../fixtures/models/${name}.onnx`, import.meta.url)));
    const text = printModel(model, IN_FULL);
    expect(again(text) === text).toBe(true);
  });

  it("gives the same model, for random ones with odd names, every kind of attribute, bodies and functions", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const model = randomModel(seed);
      const text = printModel(model, IN_FULL);
      expect(parseModel(text), `seed ${seed}`).toEqual(model);
      expect(again(text)).toBe(text);
    }
  });
});

describe("constants", () => {
  it("takes numbers of each type in its own encoding", () => {
    // 0.1 in binary16 is 0x2e66, a third in bfloat16 0x3eab (IEEE 754).
    expect(constantOf("f16[2] = [0.1, -0]").raw).toEqual(Uint8Array.of(0x66, 0x2e, 0, 0x80));
    expect(constantOf("bf16[2] = [0.33333334, Infinity]").raw).toEqual(Uint8Array.of(0xab, 0x3e, 0x80, 0x7f));
    expect(constantOf("i64[1] = [-9223372036854775808]").raw).toEqual(
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80),
    );
    expect(constantOf("u16[] = 65535").raw).toEqual(Uint8Array.of(255, 255));
    expect(constantOf("u4[3] = 0x2103").raw).toEqual(Uint8Array.of(0x21, 0x03));
    expect(constantOf('string[1] = ["\\u00e9"]').typed).toEqual({ string: [Uint8Array.of(0xc3, 0xa9)] });
  });

  it("takes a ramp for what is too long to list", () => {
    const { raw, dims } = constantOf("f32[2,3] = ramp(-1, 0.5)");
    expect(dims).toEqual([2, 3]);
    expect([...new Float32Array(raw!.buffer)]).toEqual([-1, -0.5, 0, 0.5, 1, 1.5]);
  });

  it("rounds to bfloat16 to nearest, ties to even, into infinity at the top", () => {
    // 1 + 2^-8 lies between 1 (0x3f80) and 1 + 2^-7 (0x3f81).
    expect(floatToBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(floatToBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(floatToBfloat(-3.4e38)).toBe(0xff80);
    expect(floatToBfloat(NaN)).toBe(0x7fc0);
  });

  it("says where external values lie, and that text has no folder to load them from", () => {
    const { external } = constantOf('f32[2] = <in "w.bin" at 64, 8 bytes>');
    expect(external).toMatchObject({ location: "w.bin", offset: 64, length: 8 });
    expect(() => external!.load()).toThrow(/no folder/);
  });
});

describe("what cannot be read is refused with its line", () => {
  it.each([
    ["f32[2] = [1]", /line 3: expected 2 values for the shape, found 1, found "\[1\]"/],
    ["i8[1] = [128]", /line 3: 128 is not a value of this type/],
    ["u8[1] = [-1]", /line 3: -1 is not a value of this type/],
    ["i32[1] = [0.5]", /line 3: 0.5 is not a value of this type/],
    ["f32[N] = [1]", /line 3: a constant's dimensions must be numbers/],
    ["q8[1] = [1]", /line 3: expected an element type such as f32 or i64, found "q8/],
    ["u8[17] = <17 bytes, fnv1a 00000000>", /line 3: the text omits the values of this constant/],
    ["f32[99999,99999] = ramp(0, 0)", /line 3: this constant is too large/],
    ["u4[1] = [1]", /line 3: constants of this type must be written as bytes/],
    ['string[1] = ["\\x"]', /line 3: the quoted text is not valid JSON/],
  ])("%s", (text, message) => {
    expect(() => constantOf(text)).toThrow(badModel(message));
  });

  it.each([
    ["", /line 1: expected "model"/],
    ["model ir=8 ai.onnx=17\n", /line 2: expected "graph", found the end of it/],
    [inGraph("input %x: f32[1]\n%y = Relu(x)"), /line 4: expected a value such as %x, or _/],
    [inGraph("inputs %x"), /line 3: expected input, const, output, a node/],
    [inGraph('%y = Relu(%x) {a=[1, "b"]}'), /line 3: all items of a list must have the same kind/],
    [inGraph("%y = Relu(%x) {a=<sparse 0x00>}"), /line 3: sparse attributes/],
    [inGraph("input %x: <type of 300 encoded bytes>"), /line 3: the text omits the bytes of a type/],
    [`${inGraph("")}graph`, /expected "function" or the end/],
  ])("%j", (text, message) => {
    expect(() => parseModel(text)).toThrow(badModel(message));
  });
});

it("tells a plain symbol from a size, and a name with colons from its type", () => {
  const model: Model = {
    irVersion: 8n,
    opsetImports: [{ domain: "a=b", version: 1n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("graph"),
      inputs: [
        { name: "a:", type: { tensor: { elementType: DataType.FLOAT, shape: ["3", 3, -1, "N"] } } },
        { name: "b:0" },
        { name: "c", type: { encoded: { bytes: Uint8Array.of(0x22, 0) } } },
      ],
      nodes: [
        {
          opType: "F:G",
          domain: "d::e",
          overload: "o",
          attributes: [attribute.float("f", 2)],
          inputs: ["a:", "", "_"],
          outputs: ["", "_"],
        },
      ],
    },
  };
  expect(parseModel(printModel(model))).toEqual(model);
});
