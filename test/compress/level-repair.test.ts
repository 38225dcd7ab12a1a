import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeNode, type Model } from "../../src/ir/index.js";
import { encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { compress } from "../../src/compress/compress.js";
import { stateZeroPoints } from "../../src/compress/level-repair.js";
import { optimize } from "../../src/compress/optimize.js";
import { verify } from "../../src/compare/verify.js";
import { loadRuntime } from "../../src/runtime/index.js";
import { LEVELS } from "../../src/runtime/runtime.js";
import { compareOutputs } from "../../src/verify/index.js";
import { openRemote } from "../../src/runtime/index.js";
import { dataset } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { Random } from "../support/random.js";
import { brokenQdq, qdqFeed } from "../support/broken-qdq.js";

const folder = temporaryFolder();

async function valuesAt(
  bytes: Uint8Array,
  optimization: (typeof LEVELS)[number],
  seed: number,
): Promise<number[]> {
  const session = await (await loadRuntime()).open(bytes, { optimization });
  const { y } = await session.run(qdqFeed(new Random(seed)));
  await session.release();
  return Array.from(y!.data as Float32Array);
}

describe("zero points that are written out", () => {
  it(
    "let the runtime load random models at all levels, with the values that they have at none",
    { timeout: 30_000 },
    async () => {
      for (let seed = 0; seed < 10; seed++) {
        const model = brokenQdq(new Random(seed));
        const wanted = await valuesAt(encodeModelBytes(model), "disabled", seed);
        expect(stateZeroPoints(model)).toBe(4);
        const bytes = encodeModelBytes(model);
        expect(await valuesAt(bytes, "disabled", seed)).toEqual(wanted);
        for (const level of LEVELS) {
          const found = await valuesAt(bytes, level, seed);
          // A sum in another order may put a value on the other side of a step between codes.
          expect(found.filter((value, k) => Math.abs(value - wanted[k]!) > 1e-3).length).toBeLessThan(
            0.1 * wanted.length,
          );
        }
      }
    },
  );

  it("are of the type that the codes have, and stand once for all of a kind", () => {
    const model = brokenQdq(new Random(3));
    model.graph.nodes[2]!.inputs.pop();
    expect(stateZeroPoints(model)).toBe(5);
    const added = model.graph.nodes.flatMap(({ inputs }) => inputs[2] ?? []);
    const types = added
      .map((name) => model.graph.initializers.find((tensor) => tensor.name === name)!)
      .map(({ dataType, dims }) => `${dataType} ${dims.join()}`);
    const channels = model.graph.initializers.find(({ name }) => name === "w0s")!.dims.join();
    expect(types).toEqual(["2 ", "2 ", `3 ${channels}`, "2 ", "2 "]);
    expect(new Set(added).size).toBe(2);
    expect(stateZeroPoints(model)).toBe(0);
  });

  it("stay implied where codes are wider than a byte, or where nothing says what they are", () => {
    const model: Model = brokenQdq(new Random(4));
    model.graph.initializers.find(({ name }) => name === "w0q")!.dataType = 6;
    model.graph.nodes[2]!.inputs.pop();
    model.graph.nodes.push(makeNode("DequantizeLinear", ["codes", "xs"], ["z"]));
    expect(stateZeroPoints(model)).toBe(4);
  });
});

describe("a model that runs only at a low level", () => {
  const data = (seed: number) => dataset(Array.from({ length: 4 }, (_, k) => qdqFeed(new Random(seed + k))));
  const write = (name: string, model: Model): string => writeModel(model, join(folder.path, name)).path;

  it(
    "comes out as one that runs at all where that costs nothing, compared with the level that works",
    { timeout: 60_000 },
    async () => {
      const input = write("in.onnx", brokenQdq(new Random(5), 16));
      const output = join(folder.path, "out.onnx");
      const { report } = await compress(input, { output, eval: data(5), storage: "int8" });
      expect(report.fidelity?.levels).toMatchObject({
        original: "basic",
        compressed: "all",
        refusals: { compressed: null },
      });
      expect(report.warnings.filter(({ id }) => id === "verify/lower-level")).toMatchObject([
        {
          message: expect.stringContaining(
            'runs the original only up to graph optimization level "basic"',
          ) as string,
        },
      ]);
      await valuesAt(encodeModelBytes(readModel(output)), "all", 5);
    },
  );

  it(
    "is left as it is where the zero points would make the file larger, and that is said",
    { timeout: 60_000 },
    async () => {
      const { report, model } = await optimize(write("tight.onnx", brokenQdq(new Random(7))), {
        eval: data(7),
      });
      expect(report.size.compressed.raw).toBeLessThanOrEqual(report.size.original.raw);
      expect(report.fidelity?.levels).toMatchObject({ compressed: "basic" });
      expect(report.warnings.filter(({ id }) => id === "compress/zero-points-left-out")).toMatchObject([
        {
          message: expect.stringMatching(
            /would run this model at all graph optimization levels.* would be larger than the original \(\d.* against \d/,
          ) as string,
        },
      ]);
      // What the warning says: with them the model runs at all levels, and is larger.
      const bytes = encodeModelBytes(model).byteLength;
      expect(stateZeroPoints(model)).toBeGreaterThan(0);
      await valuesAt(encodeModelBytes(model), "all", 7);
      expect(encodeModelBytes(model).byteLength).toBeGreaterThan(bytes);
    },
  );

  it(
    "is refused where the original runs at all, and taken for what it is when the two are only compared",
    { timeout: 60_000 },
    async () => {
      const sound = brokenQdq(new Random(6));
      stateZeroPoints(sound);
      const [original, compressed] = [
        write("sound.onnx", sound),
        write("broken.onnx", brokenQdq(new Random(6))),
      ];
      const runtime = await openRemote();
      try {
        await expect(
          compareOutputs({ original, compressed, originalBytes: 0, fidelityData: data(6), runtime }),
        ).rejects.toMatchObject({
          code: "MODEL_REJECTED",
          message: expect.stringContaining(
            'runs it only up to graph optimization level "basic", but the original at "all"',
          ) as string,
        });
      } finally {
        await runtime.close();
      }
      const report = await verify(original, compressed, { eval: data(6) });
      expect(report.fidelity?.levels).toMatchObject({ original: "all", compressed: "basic" });
      expect(report.warnings.map(({ id }) => id)).toContain("verify/lower-level");
    },
  );
});
