/** Chains in stages: decoded to the same bytes, gone from what onnxruntime executes, and taken out again. */
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  GraphEditor,
  makeNode,
  tensorValue,
  type Model,
  type Tensor,
} from "../../../src/ir/index.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { constantChains } from "../../../src/passes/encode/constant-chains.js";
import { dropStages } from "../../../src/passes/encode/drop-stages.js";
import { encodeWeights } from "../../../src/passes/encode/encode-weights.js";
import { stageChains } from "../../../src/passes/encode/load-stages.js";
import { CONTEXT, execute, LEVELS, prunedValues, seeded, tinyModel } from "./tiny-models.js";

/** Each constant with a row of zeros behind it is an output of its own. */
function modelOfAll(tensors: readonly Tensor[], opset: number): Model {
  const row = (tensor: Tensor): number[] => [1, ...tensor.dims.slice(1)];
  return tinyModel(opset, {
    inputs: tensors.map((tensor, i) => tensorValue(`x${i}`, tensor.dataType, row(tensor))),
    outputs: tensors.map((tensor, i) =>
      tensorValue(`y${i}`, tensor.dataType, [(tensor.dims[0] ?? 1) + 1, ...tensor.dims.slice(1)]),
    ),
    nodes: tensors.map((tensor, i) =>
      makeNode("Concat", [tensor.name ?? "", `x${i}`], [`y${i}`], [attribute.int("axis", 0)]),
    ),
    initializers: [...tensors],
  });
}

function randomTensors(seed: number, count: number): Tensor[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, i) => {
    const dims = [40 + Math.floor(100 * random()), 150 + Math.floor(100 * random())];
    const levels = [0, 3, 15, 16, 60][Math.floor(5 * random())]!;
    const sparsity = levels === 0 || random() < 0.7 ? 0.3 + 0.65 * random() : 0;
    return floatTensor(`w${i}`, dims, prunedValues(dims[0]! * dims[1]!, sparsity, levels));
  });
}

async function encoded(model: Model, storage: "auto" | "smallest"): Promise<Model> {
  await encodeWeights({ storage }).run(model, CONTEXT);
  return model;
}

const anySize = { worth: 0, small: 0 };

describe("chains of random tensors in stages", () => {
  it.each([
    [1, 11, "auto"],
    [2, 13, "smallest"],
    [3, 17, "auto"],
    [4, 21, "auto"],
  ] as const)("seed %i, operator set %i, storage %s", async (seed, opset, storage) => {
    const tensors = randomTensors(seed, 9);
    const plain = await execute(modelOfAll(tensors, opset), "all");
    const model = await encoded(modelOfAll(tensors, opset), storage);
    const { stages } = stageChains(model, GraphEditor.forMainGraph(model), anySize);
    expect(stages).toBeGreaterThan(3);
    for (const level of opset === 11 ? LEVELS : (["all"] as const)) {
      const { outputs, operators } = await execute(model, level);
      for (const [name, { data }] of Object.entries(plain.outputs))
        expect(outputs[name]?.data, `${name} at ${level}`).toEqual(data);
      if (level !== "disabled") expect(new Set(operators)).toEqual(new Set(["Concat"]));
    }
  });
});

describe("the largest stage", () => {
  it("holds a fraction of what all chains hold together", async () => {
    const model = await encoded(modelOfAll(randomTensors(5, 12), 17), "auto");
    const editor = GraphEditor.forMainGraph(model);
    const all = constantChains(model, editor).reduce((sum, { cost }) => sum + cost.held, 0);
    const { stages, held } = stageChains(model, editor, anySize);
    expect(held).toBeLessThan((2.5 * all) / stages);
  });

  it("is the only one where loading takes little memory", async () => {
    const model = await encoded(modelOfAll(randomTensors(6, 5), 17), "auto");
    const bytes = encodeModelBytes(model);
    expect(stageChains(model, GraphEditor.forMainGraph(model)).stages).toBe(1);
    expect(Buffer.compare(encodeModelBytes(model), bytes)).toBe(0);
  });
});

describe("dropStages", () => {
  it("leaves the nodes that were there before", async () => {
    const model = await encoded(modelOfAll(randomTensors(7, 8), 17), "auto");
    const before = structuredClone(model.graph.nodes);
    const { stages } = stageChains(model, GraphEditor.forMainGraph(model), anySize);
    expect(model.graph.nodes.length).toBeGreaterThan(before.length);
    expect(dropStages(model)).toBe(stages - 1);
    expect(model.graph.nodes).toEqual(before);
  });

  it("leaves an int8 model alone", async () => {
    const model = tinyModel(17, {
      inputs: [tensorValue("x", DataType.FLOAT, [4])],
      outputs: [tensorValue("y", DataType.UINT8, [4])],
      nodes: [makeNode("Abs", ["x"], ["a"]), makeNode("QuantizeLinear", ["a", "s"], ["y"])],
      initializers: [floatTensor("s", [], Float32Array.of(1))],
    });
    expect(dropStages(model)).toBe(0);
    expect((await execute(model, "all")).outputs.y?.data).toEqual(new Uint8Array(4));
  });
});
