/** Convolutions between Q/DQ nodes without zero points, over which onnxruntime's optimizer stumbles. */
import {
  DataType,
  emptyGraph,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  type Feed,
  type Model,
} from "../../src/ir/index.js";
import type { Random } from "../fuzz/random.js";

const SIZE = 6;
const IN = 3;

/** x → Q → DQ → Conv (int8 weights, with zero points) → Relu → Q → DQ → Conv → y. */
export function brokenQdq(random: Random, channels = random.within(2, 6)): Model {
  const taps = channels * IN * 9;
  const codes = Int8Array.from({ length: taps }, () => random.within(-127, 127));
  const initializers = [
    floatTensor("xs", [], Float32Array.of(1 / 255)),
    floatTensor("ys", [], Float32Array.of(1 / 64)),
    integerTensor("w0q", [channels, IN, 3, 3], DataType.INT8, codes),
    floatTensor(
      "w0s",
      [channels],
      random.floats(channels, 0.001).map((value) => Math.abs(value) + 0.001),
    ),
    integerTensor("w0z", [channels], DataType.INT8, new Int8Array(channels)),
    floatTensor("w1", [channels, channels, 3, 3], random.floats(channels * channels * 9, 0.3)),
  ];
  const nodes = [
    makeNode("QuantizeLinear", ["x", "xs"], ["xq"], [], "q0"),
    makeNode("DequantizeLinear", ["xq", "xs"], ["xd"], [], "d0"),
    makeNode("DequantizeLinear", ["w0q", "w0s", "w0z"], ["w0"], [{ name: "axis", type: 2, i: 0n }], "dw"),
    makeNode("Conv", ["xd", "w0"], ["c0"], [], "conv0"),
    makeNode("Relu", ["c0"], ["r0"], [], "relu0"),
    makeNode("QuantizeLinear", ["r0", "ys"], ["rq"], [], "q1"),
    makeNode("DequantizeLinear", ["rq", "ys"], ["rd"], [], "d1"),
    makeNode("Conv", ["rd", "w1"], ["y"], [], "conv1"),
  ];
  const graph = {
    ...emptyGraph("qdq"),
    nodes,
    initializers,
    inputs: [tensorValue("x", DataType.FLOAT, ["n", IN, SIZE, SIZE])],
    outputs: [tensorValue("y", DataType.FLOAT)],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 13n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

export function qdqFeed(random: Random): Feed {
  const values = random.floats(IN * SIZE * SIZE, 0.5).map((value) => value + 0.5);
  return { x: { dataType: DataType.FLOAT, dims: [1, IN, SIZE, SIZE], data: values } };
}
