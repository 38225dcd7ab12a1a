import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataType, makeNode, tensorValue, type Model } from "../../../src/ir/index.js";
import { encodeModelBytes, readModel } from "../../../src/onnx/index.js";
import { stripDebugInfo } from "../../../src/passes/graph/strip-debug-info.js";
import { loadRuntime } from "../../../src/runtime/index.js";
import { difference, floats, run } from "../../support/running.js";
import { apply, tiny } from "../../support/tiny-models.js";

const entry = (key: string) => ({ key, value: "text" });

function exported() {
  const node = {
    ...makeNode("Relu", ["x"], ["a"]),
    metadata: [entry("pkg.torch.onnx.stack_trace"), entry("namespace"), entry("mine")],
    docString: "kept",
  };
  const model = tiny([
    node,
    { ...makeNode("Own", ["a"], ["b"]), domain: "own" },
    makeNode("Neg", ["b"], ["y"]),
  ]);
  model.opsetImports.push({ domain: "own", version: 1n });
  model.metadata = [entry("pkg.torch.model")];
  model.graph.valueInfo = [
    tensorValue("a", DataType.FLOAT, [2, 3]),
    tensorValue("b", DataType.FLOAT, [2, 3]),
  ];
  model.graph.inputs[0]!.metadata = [entry("pkg.torch.input")];
  return model;
}

it("drops exporters' metadata and what runtimes infer, and keeps the rest", async () => {
  const model = exported();
  await apply(stripDebugInfo(), model);
  expect(model.graph.nodes[0]).toMatchObject({ metadata: [entry("mine")], docString: "kept" });
  expect([model.metadata, model.graph.inputs[0]?.metadata]).toEqual([
    [entry("pkg.torch.model")],
    [entry("pkg.torch.input")],
  ]);
  // The type of "b" is known to nobody but the maker of the operator set "own".
  expect(model.graph.valueInfo.map((value) => value.name)).toEqual(["b"]);
});

it("keeps what is asked to be kept", async () => {
  const model = exported();
  await apply(stripDebugInfo({ keep: ["pkg.torch.*", "value_info"] }), model);
  expect(model.graph.nodes[0]?.metadata).toEqual([entry("pkg.torch.onnx.stack_trace"), entry("mine")]);
  expect(model.graph.valueInfo).toHaveLength(2);
});

describe("a transformer from PyTorch", () => {
  const read = () => readModel("fixtures/models/vit.onnx");

  it("gets 133 KB smaller and computes the same", async () => {
    const model = read();
    const size = encodeModelBytes(model).byteLength;
    const feed = Object.fromEntries(
      model.graph.inputs.map(({ name, type }) => [
        name,
        floats((type?.tensor?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 1))),
      ]),
    );
    const before = await run(model, feed, "all");
    await apply(stripDebugInfo(), model);
    expect(size - encodeModelBytes(model).byteLength).toBe(133_019);
    expect(difference(before, await run(model, feed, "all"))).toBe(0);
  });

  it("is fused by onnxruntime as before, which takes the declarations that hold symbols", async () => {
    const model = read();
    await apply(stripDebugInfo(), model);
    const executed = await executedOperators(model);
    expect(executed).toEqual(await executedOperators(read()));
    expect(executed).toContain("SkipLayerNormalization");
  });
});

async function executedOperators(model: Model): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "edgec-strip-"));
  try {
    const optimizedModelPath = join(folder, "executed.onnx");
    await (await (await loadRuntime()).open(encodeModelBytes(model), { optimizedModelPath })).release();
    return readModel(optimizedModelPath)
      .graph.nodes.map((node) => node.opType)
      .sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
