import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  isOp,
  makeNode,
  tensorValue,
  withNested,
  type Feed,
  type Graph,
  type Model,
  type Node,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { quantizeInt8 } from "../../../src/passes/quantize/quantize-int8.js";
import { dataset, feed, model } from "../../support/feed-models.js";
import { normalArray } from "../../support/seeded.js";
import { executedOps, outputs, sqnr } from "./running.js";
import { calibrateInOneProcess } from "../../support/calibrating.js";

const calibrate = calibrateInOneProcess();

const SHAPE = [1, 8, 6, 6];
const float = (name: string) => tensorValue(name, DataType.FLOAT);
const body = (nodes: Node[], outputs: Graph["outputs"], inputs: Graph["inputs"] = []): Graph => ({
  ...emptyGraph("body"),
  nodes,
  inputs,
  outputs,
});
const convolution = (input: string, output: string, weight: string): Node =>
  makeNode("Conv", [input, weight], [output], [attribute.ints("pads", [1, 1, 1, 1])], `conv_${output}`);
/** A 3 × 3 kernel that about keeps the variance. */
const kernel = (name: string, seed: number) =>
  floatTensor(
    name,
    [8, 8, 3, 3],
    normalArray(576, seed).map((v) => v / 8),
  );
const constants = [
  ...["w1", "w2", "w3", "w4"].map(kernel),
  floatTensor("zero", [], new Float32Array(1)),
  floatTensor("small", [], Float32Array.of(0.05)),
  int64Tensor("trips", [3], []),
];

const samples = (count: number, shape: readonly number[] = SHAPE): Feed[] =>
  Array.from({ length: count }, (_, k) =>
    feed(
      shape,
      normalArray(
        shape.reduce((a, b) => a * b, 1),
        100 + k,
      ),
    ),
  );

const positive = [
  makeNode("ReduceSum", ["x"], ["sum"], [attribute.int("keepdims", 0)]),
  makeNode("Greater", ["sum", "zero"], ["positive"]),
];

/**
 * Two convolutions in each branch. Both branches bear the same names; the values of one are 20 times
 * smaller.
 */
const branching = (): Model =>
  model(
    SHAPE,
    [
      ...positive,
      makeNode(
        "If",
        ["positive"],
        ["chosen"],
        [
          attribute.graph(
            "then_branch",
            body(
              [convolution("x", "a", "w1"), makeNode("Relu", ["a"], ["r"]), convolution("r", "c", "w2")],
              [float("c")],
            ),
          ),
          attribute.graph(
            "else_branch",
            body(
              [
                makeNode("Mul", ["x", "small"], ["s"]),
                convolution("s", "a", "w3"),
                makeNode("Relu", ["a"], ["r"]),
                convolution("r", "c", "w4"),
              ],
              [float("c")],
            ),
          ),
        ],
      ),
      makeNode("Sigmoid", ["chosen"], ["y"]),
    ],
    constants,
  );

const looping = (): Model =>
  model(
    SHAPE,
    [
      makeNode(
        "Loop",
        ["trips", "", "x"],
        ["last"],
        [
          attribute.graph(
            "body",
            body(
              [
                convolution("state", "a", "w1"),
                makeNode("Relu", ["a"], ["r"]),
                convolution("r", "c", "w2"),
                makeNode("Add", ["state", "c"], ["next"]),
                makeNode("Identity", ["going"], ["goOn"]),
              ],
              [tensorValue("goOn", DataType.BOOL), float("next")],
              [tensorValue("i", DataType.INT64, []), tensorValue("going", DataType.BOOL, []), float("state")],
            ),
          ),
        ],
      ),
      makeNode("Mul", ["last", "small"], ["y"]),
    ],
    constants,
  );

const scanning = (): Model =>
  model(
    [4, ...SHAPE],
    [
      makeNode(
        "Scan",
        ["start", "x"],
        ["last", "all"],
        [
          attribute.graph(
            "body",
            body(
              [
                convolution("element", "a", "w1"),
                makeNode("Relu", ["a"], ["r"]),
                convolution("r", "c", "w2"),
                makeNode("Add", ["before", "c"], ["total"]),
                makeNode("Tanh", ["total"], ["out"]),
              ],
              [float("total"), float("out")],
              [tensorValue("before", DataType.FLOAT, SHAPE), tensorValue("element", DataType.FLOAT, SHAPE)],
            ),
          ),
          attribute.int("num_scan_inputs", 1),
        ],
      ),
      makeNode("Identity", ["all"], ["y"]),
    ],
    [...constants, floatTensor("start", SHAPE, new Float32Array(288))],
  );

async function quantized(m: Model, feeds: Feed[]) {
  const pass = quantizeInt8();
  const statistics = await calibrate({ model: m, dataset: dataset(feeds), requests: pass.statistics(m) });
  const result = await pass.run(m, { statistics, evaluator: undefined, seed: 0 });
  assertValid(m, "quantized");
  return result;
}

describe("static quantization in bodies", () => {
  it.each([
    ["If", branching, SHAPE, 4],
    ["Loop", looping, SHAPE, 2],
    ["Scan", scanning, [4, ...SHAPE], 2],
  ] as const)(
    "runs the convolutions of %s as int8 kernels, and close to float",
    async (_, build, shape, kernels) => {
      const m = build();
      const held = samples(20, shape).slice(12);
      const before = await outputs(build(), ...held);
      const { nodes } = await quantized(m, samples(12, shape));
      expect(nodes.filter(({ opType, status }) => opType === "Conv" && status === "changed")).toHaveLength(
        kernels,
      );
      const ops = await executedOps(m);
      expect(ops.filter((op) => op === "QLinearConv")).toHaveLength(kernels);
      expect(ops).not.toContain("Conv");
      expect(sqnr(before, await outputs(m, ...held))).toBeGreaterThan(30);
    },
  );

  it(
    "leaves float what makes the model's output through an If, and a branch that " + "calibration never ran",
    async () => {
      const m = branching();
      m.graph.nodes.pop();
      m.graph.outputs = [float("chosen")];
      const positiveOnly = feed(SHAPE, new Float32Array(288).fill(1));
      const { nodes } = await quantized(m, [positiveOnly]);
      // How many pairs of weights are kept from saturating follows the kernels' values.
      expect(
        nodes.map(({ opType, status, reason }) => `${opType} ${status}: ${reason.split(";")[0]}`),
      ).toEqual([
        "Conv changed: static int8, mse calibration",
        "Relu changed: replaced by the saturation of the preceding quantization",
        "Conv kept: its output is the model's output, which stays in float",
        "Conv kept: calibration did not reach one of its inputs or outputs",
        "Conv kept: its output is the model's output, which stays in float",
      ]);
    },
  );

  it(
    "quantizes inside what a body captures, though the graph around it carries codes " +
      "under the same name",
    async () => {
      const build = (): Model =>
        model(
          SHAPE,
          [
            ...positive,
            convolution("x", "h", "w1"),
            convolution("h", "k", "w2"),
            makeNode(
              "If",
              ["positive"],
              ["chosen"],
              [
                attribute.graph("then_branch", body([convolution("h", "a", "w3")], [float("a")])),
                attribute.graph("else_branch", body([convolution("k", "a", "w4")], [float("a")])),
              ],
            ),
            makeNode("Add", ["chosen", "k"], ["added"]),
            makeNode("Sigmoid", ["added"], ["y"]),
          ],
          constants,
        );
      const m = build();
      const before = await outputs(build(), ...samples(8));
      await quantized(m, samples(8));
      expect(
        [...withNested(m.graph.nodes)].filter(
          (node) =>
            isOp(node, "Conv") &&
            node.inputs[1]?.startsWith("w") &&
            constants.every(({ name }) => name !== node.inputs[1]),
        ),
      ).toHaveLength(4);
      expect((await executedOps(m)).filter((op) => op === "QLinearConv")).toHaveLength(4);
      expect(sqnr(before, await outputs(m, ...samples(8)))).toBeGreaterThan(30);
    },
  );
});
