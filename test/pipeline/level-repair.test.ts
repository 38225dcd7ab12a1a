import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeNode, type Model } from "../../src/ir/index.js";
import { encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { compress } from "../../src/pipeline/compress.js";
import { stateZeroPoints } from "../../src/pipeline/level-repair.js";
import { verify } from "../../src/pipeline/verify.js";
import { loadRuntime } from "../../src/runtime/index.js";
import { LEVELS } from "../../src/runtime/runtime.js";
import { compareOutputs } from "../../src/verify/index.js";
import { openRemote } from "../../src/runtime/index.js";
import { dataset } from "../calibration/tiny-models.js";
import { temporaryFolder } from "../cli/temporary-folder.js";
import { Random } from "../fuzz/random.js";
import { brokenQdq, qdqFeed } from "../runtime/broken-qdq.js";

const folder = temporaryFolder();

async function valuesAt(bytes: Uint8Array, optimization: (typeof LEVELS)[number], seed: number): Promise<number[]> {
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
            'runs the original at graph optimization level "basic" and not above',
          ) as string,
        },
      ]);
      await valuesAt(encodeModelBytes(readModel(output)), "all", 5);
    },
  );

  it(
    "is refused where the original runs at all, and taken for what it is when the two are only compared",
    { timeout: 60_000 },
    async () => {
      const sound = brokenQdq(new Random(6));
      stateZeroPoints(sound);
      const [original, compressed] = [write("sound.onnx", sound), write("broken.onnx", brokenQdq(new Random(6)))];
      const runtime = await openRemote();
      try {
        await expect(compareOutputs({ original, compressed, fidelityData: data(6), runtime })).rejects.toMatchObject({
          code: "MODEL_REJECTED",
          message: expect.stringContaining(
            'runs it at graph optimization level "basic" and not above, where the original runs at "all"',
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
