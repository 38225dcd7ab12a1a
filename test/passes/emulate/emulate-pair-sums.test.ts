import { describe, expect, it } from "vitest";
import {
  attribute, type Attribute, DataType, emptyGraph, floatTensor, integerTensor, makeNode, type Model, type Node, tensorValue, type Tensor,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { emulatePairSums } from "../../../src/passes/emulate/emulate-pair-sums.js";
import { loadRuntime } from "../../../src/runtime/index.js";

const u8 = (name: string, value: number): Tensor => integerTensor(name, [], DataType.UINT8, Uint8Array.of(value));
const scale = (name: string, value: number): Tensor => floatTensor(name, [], Float32Array.of(value));
const codes = (name: string, dims: number[], values: number[]): Tensor => integerTensor(name, dims, DataType.INT8, Int8Array.from(values));

/** x (codes) → DQ with scale 1 → node → Q with scale 1000 and zero point 100 → y, so that y tells the sum in thousands. */
function qdq(node: Node, dims: number[], weight: Tensor, zeroPoint: number): Model {
  const nodes = [
    makeNode("DequantizeLinear", ["x", "one", "zero"], ["xd"]), makeNode("DequantizeLinear", ["w", "one"], ["wd"]),
    node, makeNode("QuantizeLinear", ["r", "thousand", "middle"], ["y"]),
  ];
  return model(nodes, dims, [weight, scale("one", 1), scale("thousand", 1000), u8("zero", zeroPoint), u8("middle", 100)], DataType.UINT8);
}

function model(nodes: Node[], dims: number[], initializers: Tensor[], output: DataType): Model {
  const graph = { ...emptyGraph("g"), nodes, initializers, inputs: [tensorValue("x", DataType.UINT8, dims)], outputs: [tensorValue("y", output)] };
  return { irVersion: 8n, opsetImports: [{ domain: "", version: 13n }], graph, functions: [], trainingInfo: [], deviceConfigurations: [] };
}

const convolution = (...attributes: Attribute[]): Node => makeNode("Conv", ["xd", "wd"], ["r"], attributes, "conv");

async function run(m: Model, dims: number[], x: number[]): Promise<number[]> {
  assertValid(m, "emulated");
  const session = await (await loadRuntime()).open(encodeModelBytes(m));
  const result = await session.run({ x: { dataType: DataType.UINT8, dims, data: Uint8Array.from(x) } });
  await session.release();
  return Array.from(result.y!.data as Uint8Array, Number);
}

describe("emulatePairSums", () => {
  it("clips each pair of neighbouring channels on raw codes, in closed form", async () => {
    const m = qdq(convolution(), [1, 4, 1, 1], codes("w", [1, 4, 1, 1], [100, 100, -100, -90]), 10);
    expect(emulatePairSums(m)).toMatchObject({ modified: true, stats: { pairs: 2, pairsAtRisk: 2, layersAtRisk: 1 }, nodes: [{ name: "conv", status: "changed" }] });
    // Pairs 100·(255 + 255) = 51000 → 32767 and −(100·200 + 90·200) = −38000 → −32768, less the zero point's 10·(100+100−100−90).
    expect(await run(m, [1, 4, 1, 1], [255, 255, 200, 200])).toEqual([100 + Math.round((32767 - 32768 - 100) / 1000)]);
    // Nothing saturates here: 100·(100 + 90) − 100·80 − 90·70 − 100 = 4600.
    expect(await run(m, [1, 4, 1, 1], [100, 90, 80, 70])).toEqual([105]);
  });

  it("lets the border hold the zero point's code, across positions when channels are odd", async () => {
    // Kernel of 3 positions, 1 channel: the pair is positions 0 and 1. At the left border position 0 reads code 200.
    const m = qdq(convolution(attribute.ints("pads", [1, 1])), [1, 1, 3], codes("w", [1, 1, 3], [120, 120, 0]), 200);
    emulatePairSums(m);
    const sum = (a: number, b: number): number => 100 + Math.round((Math.min(32767, 120 * (a + b)) - 200 * 240) / 1000);
    expect(await run(m, [1, 1, 3], [100, 250, 20])).toEqual([sum(200, 100), sum(100, 250), sum(250, 20)]);
  });

  it("keeps to strides, dilations and groups", async () => {
    const weight = codes("w", [2, 2, 2], [90, 5, 90, 5, -90, 5, -90, 5]);
    const m = qdq(convolution(attribute.ints("strides", [2]), attribute.ints("dilations", [2]), attribute.int("group", 2)), [1, 4, 5], weight, 0);
    emulatePairSums(m);
    const x = Array.from({ length: 20 }, (_, k) => (k * 53) % 256);
    const at = (channel: number, position: number): number => x[channel * 5 + position]!;
    const clip = (v: number): number => Math.max(-32768, Math.min(32767, v));
    const expected = [0, 1].flatMap((group) => [0, 2].map((position) => {
      const [a, b] = [2 * group, 2 * group + 1];
      const first = clip((group === 0 ? 90 : -90) * (at(a, position) + at(b, position)));
      return Math.max(0, Math.min(255, 100 + Math.round((first + 5 * (at(a, position + 2) + at(b, position + 2))) / 1000)));
    }));
    expect(await run(m, [1, 4, 5], x)).toEqual(expected);
  });

  it("leaves layers alone that cannot saturate, depthwise ones, and those that run in float", () => {
    const safe = qdq(convolution(), [1, 4, 1, 1], codes("w", [1, 4, 1, 1], [64, 64, -64, -64]), 0);
    expect(emulatePairSums(safe)).toMatchObject({ modified: false, nodes: [{ reason: "no pair of its weights can saturate" }] });
    const depthwise = qdq(convolution(attribute.int("group", 2)), [1, 2, 1, 2], codes("w", [2, 1, 1, 2], [127, 127, 127, 127]), 0);
    expect(emulatePairSums(depthwise).modified).toBe(false);
    const floats = qdq(convolution(), [1, 2, 1, 1], codes("w", [1, 2, 1, 1], [127, 127]), 0);
    floats.graph.nodes.pop();
    floats.graph.nodes.push(makeNode("Sigmoid", ["r"], ["y"]));
    expect(emulatePairSums(floats)).toMatchObject({ modified: false, nodes: [] });
  });

  it("covers MatMul between Q/DQ pairs, with more pairs than are taken at once", async () => {
    const k = 40;
    const m = qdq(makeNode("MatMul", ["xd", "wd"], ["r"], [], "dense"), [1, k], codes("w", [k, 1], new Array<number>(k).fill(3).map((w, i) => (i < 36 ? 127 * (i % 4 < 2 ? 1 : -1) : w))), 0);
    expect(emulatePairSums(m).stats).toMatchObject({ pairs: 20, pairsAtRisk: 18 });
    // Nine pairs up to 32767, nine down to −32768, then 4 · 3 · 255.
    expect(await run(m, [1, k], new Array<number>(k).fill(255))).toEqual([100 + Math.round((9 * 32767 - 9 * 32768 + 4 * 3 * 255) / 1000)]);
  });

  it("covers MatMulInteger, whose zero point is subtracted from the clipped sum", async () => {
    const dynamic = [makeNode("Cast", ["x"], ["xf"], [attribute.int("to", DataType.FLOAT)]), makeNode("DynamicQuantizeLinear", ["xf"], ["c", "s", "z"]), makeNode("MatMulInteger", ["c", "w", "z"], ["y"])];
    const m = model(dynamic, [1, 2], [codes("w", [2, 1], [127, 127])], DataType.INT32);
    expect(emulatePairSums(m).stats).toMatchObject({ pairsAtRisk: 1 });
    expect(await run(m, [1, 2], [255, 255])).toEqual([32767]);
  });

  it("covers weights behind a Transpose, and tells of those of several matrices", async () => {
    const layer = (weight: string): Parameters<typeof model>[0] => [
      makeNode("Cast", ["x"], ["xf"], [attribute.int("to", DataType.FLOAT)]),
        makeNode("DynamicQuantizeLinear", ["xf"], ["c", "s", "z"]),
      makeNode("MatMulInteger", ["c", weight, "z"], ["y"]),
    ];
    const turned = model([makeNode("Transpose", ["w"], ["t"]), ...layer("t")], [1, 2],
      [codes("w", [1, 2], [127, 127])], DataType.INT32);
    expect(emulatePairSums(turned).stats).toMatchObject({ pairsAtRisk: 1 });
    expect(await run(turned, [1, 2], [255, 255])).toEqual([32767]);
    const several = model(layer("w"), [1, 2], [codes("w", [2, 2, 1], [127, 127, 1, 1])], DataType.INT32);
    expect(emulatePairSums(several))
      .toMatchObject({ modified: false, stats: { pairs: 2, pairsAtRisk: 1, layersNotCovered: 1 } });
  });

  it("tells what it does not cover", () => {
    const m = model([makeNode("ConvInteger", ["x", "w"], ["y"], [], "c")], [1, 2, 1, 1], [codes("w", [1, 2, 1, 1], [127, 127])], DataType.INT32);
    expect(emulatePairSums(m)).toMatchObject({ modified: false, stats: { layersNotCovered: 1 }, nodes: [{ status: "kept", reason: "1 of 1 pairs of weights can saturate, which is not emulated: ConvInteger is left as it is" }] });
  });
});
