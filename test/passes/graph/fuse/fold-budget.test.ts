import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Model,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { encodeModelBytes } from "../../../../src/onnx/index.js";
import { foldBatchNormalization } from "../../../../src/passes/graph/fold-batch-normalization.js";
import { foldConcatAffine } from "../../../../src/passes/graph/fuse/fold-concat-affine.js";
import { foldInputAffine } from "../../../../src/passes/graph/fuse/fold-input-affine.js";
import { trimRecurrence } from "../../../../src/passes/graph/fuse/trim-recurrence.js";
import type { PassResult } from "../../../../src/passes/contract.js";
import { difference, floats, run, seededFloats } from "../../../support/running.js";
import { apply, tiny } from "../../../support/tiny-models.js";
import { ROUNDING, tensor } from "../../../support/prove.js";

const LEVELS = [0, 1, 2];
const FEED = Object.fromEntries(LEVELS.map((k) => [`x${k}`, floats([1, 8, 4, 4], seededFloats(128, k + 2))]));
const op = makeNode;

/** One convolution for all levels, with a normalization behind each that `parameters` names. */
function heads(parameters: (level: number) => number): Model {
  const nodes = LEVELS.flatMap((k) => [
    op("Conv", [`x${k}`, "w", "b"], [`h${k}`], [], `head${k}`),
    op(
      "BatchNormalization",
      [`h${k}`, ...["s", "t", "m", "v"].map((name) => `${name}${parameters(k)}`)],
      [`y${k}`],
    ),
  ]);
  const norms = [...new Set(LEVELS.map(parameters))].flatMap((k) => [
    ...["s", "t", "m"].map((name, at) => tensor(`${name}${k}`, [8], 3 * k + at + 1)),
    floatTensor(
      `v${k}`,
      [8],
      seededFloats(8, k + 9).map((value) => value + 1.5),
    ),
  ]);
  return tiny(nodes, {
    feed: FEED,
    outputs: LEVELS.map((k) => `y${k}`),
    initializers: [tensor("w", [8, 8, 3, 3]), tensor("b", [8], 2), ...norms],
  });
}

async function folded(
  model: Model,
  pass = foldBatchNormalization(),
  feed = FEED,
): Promise<{ result: PassResult; operators: string[]; bytes: number }> {
  const [before, size] = [await run(model, feed), encodeModelBytes(model).byteLength];
  const result = await apply(pass, model);
  expect(difference(before, await run(model, feed))).toBeLessThan(ROUNDING);
  const bytes = encodeModelBytes(model).byteLength - size;
  expect(bytes).toBeLessThanOrEqual(0);
  return { result, operators: model.graph.nodes.map(({ opType }) => opType), bytes };
}

describe("a convolution for several levels", () => {
  it("stays one where its normalizations differ, which is told with the nodes and the reason", async () => {
    const { result, operators } = await folded(heads((level) => level));
    expect(result.modified).toBe(false);
    expect(operators).toContain("BatchNormalization");
    expect(result.nodes.map(({ name, status }) => `${name} ${status}`)).toEqual(
      LEVELS.map((k) => `head${k} kept`),
    );
    // Two copies more than the one that is there, of 8 · 8 · 3 · 3 floats.
    expect(result.nodes[0]?.reason).toBe(
      'shares "w" with other nodes; a copy of its own would add 4,608 bytes to the model',
    );
    expect(result.diagnostics).toEqual([
      expect.objectContaining({
        id: "fold-batch-normalization/shared-constant",
        severity: "info",
        subject: "head0",
      }),
    ]);
    expect(result.diagnostics[0]?.message).toContain('"head0", "head1", "head2"');
  });

  it("takes normalizations that are equal, as one new weight for all", async () => {
    const model = heads(() => 0);
    const { operators } = await folded(model);
    expect(operators).toEqual(["Conv", "Conv", "Conv"]);
    expect(model.graph.initializers).toHaveLength(2);
    expect(new Set(model.graph.nodes.map(({ inputs }) => inputs.slice(1).join())).size).toBe(1);
  });

  it("takes them as well when only a body uses the weight of the graph around it", async () => {
    const inner = heads((level) => level);
    const body = {
      ...emptyGraph("body"),
      nodes: [op("Conv", ["x0", "w"], ["h"]), op("Mul", ["h", "s0"], ["t"])],
      outputs: [tensorValue("t", DataType.FLOAT)],
    };
    const other = {
      ...emptyGraph("other"),
      nodes: [op("Relu", ["x0"], ["e"])],
      outputs: [tensorValue("e", DataType.FLOAT)],
    };
    const s0 = tensor("s0", [8, 1, 1]);
    const model = tiny(
      [op("If", ["c"], ["y"], [attribute.graph("then_branch", body), attribute.graph("else_branch", other)])],
      {
        feed: { x0: FEED.x0!, c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(1) } },
        initializers: [inner.graph.initializers[0]!, s0],
      },
    );
    expect((await apply(foldBatchNormalization(), model)).stats.nodesFolded).toBe(1);
  });
});

describe("constants that several nodes read", () => {
  const parts = (nodes: Node[], initializers: Tensor[], outputs: string[]): Model =>
    tiny(nodes, { feed: { x: floats([2, 16]) }, initializers, outputs });
  const feed = { x: floats([2, 16]) };
  const w = tensor("w", [16, 16]);

  it("stay before layers that scale their inputs each for itself", async () => {
    const nodes = [1, 2].flatMap((k) => [
      op("Mul", ["x", `s${k}`], [`m${k}`]),
      op("Gemm", [`m${k}`, "w"], [`y${k}`]),
    ]);
    const model = parts(nodes, [w, tensor("s1", [16], 3), tensor("s2", [16], 4)], ["y1", "y2"]);
    expect((await folded(model, foldInputAffine(), feed)).result.modified).toBe(false);
  });

  it("stay behind a Concat", async () => {
    const nodes = [
      op("Gemm", ["x", "w"], ["a"]),
      op("Gemm", ["r", "w"], ["b"]),
      op("Concat", ["a", "b"], ["c"], [attribute.int("axis", 1)]),
      op("Mul", ["c", "s"], ["y"]),
    ];
    const model = parts([op("Neg", ["x"], ["r"]), ...nodes], [w, tensor("s", [32], 3)], ["y"]);
    expect((await folded(model, foldConcatAffine(), feed)).result.modified).toBe(false);
  });

  it("stay where they are steps that would become biases of many layers", async () => {
    const nodes = [1, 2, 3, 4].flatMap((k) => [
      op("Conv", ["i", `w${k}`], [`m${k}`]),
      op("Add", [`m${k}`, "t"], [`y${k}`]),
    ]);
    const image = { i: floats([1, 1, 2, 2]) };
    const weights = [1, 2, 3, 4].map((k) => tensor(`w${k}`, [64, 1, 1, 1], k));
    const model = tiny(nodes, {
      feed: image,
      initializers: [...weights, tensor("t", [1])],
      outputs: ["y1", "y2", "y3", "y4"],
    });
    expect((await folded(model, foldBatchNormalization(), image)).result.modified).toBe(false);
  });

  it("stay where another graph reads what a recurrent layer in a body would be split into", async () => {
    const layer = (x: string, y: string): Node =>
      op(
        "GRU",
        [x, "wg", "rg"],
        [y],
        [attribute.int("hidden_size", 8), attribute.string("direction", "bidirectional")],
      );
    const last = (y: string, out: string): Node[] => [
      op("Transpose", [y], [`${y}t`], [attribute.ints("perm", [0, 2, 1, 3])]),
      op("Reshape", [`${y}t`, "flat"], [`${y}r`]),
      op("Gather", [`${y}r`, "end"], [out]),
    ];
    const flat: Tensor = {
      name: "flat",
      dims: [3],
      dataType: DataType.INT64,
      raw: new Uint8Array(BigInt64Array.of(5n, 1n, 16n).buffer),
    };
    const end: Tensor = {
      name: "end",
      dims: [],
      dataType: DataType.INT64,
      raw: new Uint8Array(BigInt64Array.of(-1n).buffer),
    };
    const body = {
      ...emptyGraph("body"),
      nodes: [layer("x", "z"), ...last("z", "t")],
      outputs: [tensorValue("t", DataType.FLOAT)],
    };
    const other = {
      ...emptyGraph("other"),
      nodes: [layer("x", "q"), ...last("q", "e")],
      outputs: [tensorValue("e", DataType.FLOAT)],
    };
    const given = { x: floats([5, 1, 4]), c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(1) } };
    const model = tiny(
      [op("If", ["c"], ["y"], [attribute.graph("then_branch", body), attribute.graph("else_branch", other)])],
      { feed: given, initializers: [tensor("wg", [2, 24, 4]), tensor("rg", [2, 24, 8], 2), flat, end] },
    );
    const { bytes } = await folded(model, trimRecurrence(), given);
    expect(bytes).toBeLessThanOrEqual(0);
  });
});
