import { describe, expect, it } from "vitest";
import { DataType, floatTensor, makeNode, toNumbers, type Model } from "../../../src/ir/index.js";
import { quantizeInt8 } from "../../../src/passes/quantize/quantize-int8.js";
import { model, noise, ranges, run, twoConvolutions } from "../../support/int8-models.js";

describe("what a target takes", () => {
  const dense = (): Model =>
    model(
      [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
      [floatTensor("w", [64, 64], noise(4096))],
      13,
      [1, 64],
    );

  it("keeps weights within seven bits", async () => {
    const m = twoConvolutions();
    await run(m, ranges(m, -2, 4), { saturation: "seven-bit" });
    expect(
      Math.max(
        ...m.graph.initializers
          .filter(({ dataType }) => dataType === DataType.INT8)
          .flatMap((tensor) => toNumbers(tensor))
          .map(Math.abs),
      ),
    ).toBe(63);
  });

  it("leaves convolutions float, asks for no data and does not miss it", async () => {
    const m = twoConvolutions();
    expect(quantizeInt8({ formats: ["dynamic-matmul", "dynamic-lstm"] }).statistics(m)).toEqual([]);
    const { modified, nodes, diagnostics } = await run(m, undefined, {
      formats: ["dynamic-matmul", "dynamic-lstm"],
    });
    expect(modified).toBe(false);
    expect(nodes.filter(({ opType }) => opType === "Conv").map(({ reason }) => reason)).toEqual(
      Array(2).fill("the target does not support static int8"),
    );
    expect(diagnostics).toEqual([]);
  });

  it("leaves fully connected layers float that would be quantized at run time", async () => {
    expect((await run(dense())).modified).toBe(true);
    expect(await run(dense(), undefined, { formats: ["static-qdq"] })).toMatchObject({
      modified: false,
      nodes: [{ name: "dense", status: "kept" }],
    });
  });

  it("leaves types of operators float, whether they are there or not", async () => {
    const { nodes } = await run(dense(), undefined, { floatOperators: ["MatMul", "Concat"] });
    expect(nodes).toMatchObject([
      { name: "dense", status: "kept", reason: "MatMul stays in float on the target" },
    ]);
  });
});
