/**
 * What a user excludes by its name in the file is found again behind the exact steps, through the public
 * API.
 */
import { describe, expect, it } from "vitest";
import {
  attribute,
  floatTensor,
  int64Tensor,
  makeNode,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { model } from "../support/feed-models.js";
import { normalArray, normalTensor } from "../support/seeded.js";

const { int, ints, string } = attribute;

async function kept(network: Model, options: CompressOptions): Promise<string[]> {
  const { report } = await compress(network, { verify: false, ...options });
  return report.nodes
    .filter(({ status, reason }) => status === "kept" && reason === "excluded")
    .map(({ pass, name }) => `${pass} ${name}`)
    .sort();
}

describe("a layer of two directions whose last step is read", () => {
  const [inputs, hidden] = [16, 16];
  /** Becomes enc, which runs forward, and enc_last, with halves of each weight. */
  const network = (name?: string): Model =>
    model(
      [6, 2, inputs],
      [
        makeNode(
          "LSTM",
          ["x", "W", "R"],
          ["h"],
          [int("hidden_size", hidden), string("direction", "bidirectional")],
          name,
        ),
        makeNode("Transpose", ["h"], ["t"], [ints("perm", [0, 2, 1, 3])]),
        makeNode("Reshape", ["t", "shape"], ["f"]),
        makeNode("Gather", ["f", "last"], ["g"], [int("axis", 0)]),
        makeNode("MatMul", ["g", "Wd"], ["y"], [], "fc"),
      ],
      [
        normalTensor("W", [2, 4 * hidden, inputs], 1),
        normalTensor("R", [2, 4 * hidden, hidden], 2),
        normalTensor("Wd", [2 * hidden, 8], 3),
        int64Tensor("shape", [0, 0, -1]),
        int64Tensor("last", [-1], []),
      ],
    );

  it.each([["enc"], ["LSTM"], ["e*"], ["#0"], ["W"]])(
    "stays in float as a whole where %s is excluded",
    async (selector) => {
      expect(await kept(network("enc"), { int8: true, exclude: [selector] })).toEqual(
        expect.arrayContaining(["quantize-int8 enc", "quantize-int8 enc_last"]),
      );
    },
  );

  it("stays in float in the part that is excluded", async () => {
    for (const selector of ["enc_last", "W_2"]) {
      const left = await kept(network("enc"), { int8: true, exclude: [selector] });
      expect(left).toContain("quantize-int8 enc_last");
      expect(left).not.toContain("quantize-int8 enc");
    }
  });

  it("is found by its output where it has no name", async () => {
    expect(await kept(network(), { int8: true, exclude: ["h"] })).toEqual([
      "quantize-int8 h_forward",
      "quantize-int8 h_reverse",
    ]);
  });

  it("keeps both halves of a weight from pruning", async () => {
    const { model: pruned } = await compress(network("enc"), {
      verify: false,
      storage: "plain",
      prune: 0.5,
      exclude: ["W", "R"],
    });
    const zeros = pruned.graph.initializers
      .filter(({ name = "" }) => /^[WR]_/.test(name))
      .map(({ raw }) => new Float32Array(raw!.slice().buffer).filter((value) => value === 0).length);
    expect(zeros).toEqual([0, 0, 0, 0]);
  });
});

describe("a weight that a fusion gives new values", () => {
  const perChannel = (name: string, seed: number): Tensor =>
    floatTensor(name, [8], normalArray(8, seed).map(Math.abs));
  const normalization = makeNode(
    "BatchNormalization",
    ["c", "scale", "shift", "mean", "variance"],
    ["y"],
    [],
    "bn",
  );
  const statistics = ["scale", "shift", "mean", "variance"].map((name, k) => perChannel(name, 10 + k));

  it.each<[string, Node[], Tensor[], string, string]>([
    [
      "by a scale behind it",
      [makeNode("Conv", ["x", "w"], ["c"], [], "conv"), normalization],
      [normalTensor("w", [8, 4, 3, 3], 1), ...statistics],
      "w",
      "conv",
    ],
    [
      "by a scale behind a layer without a name",
      [makeNode("Conv", ["x", "w"], ["c"]), normalization],
      [normalTensor("w", [8, 4, 3, 3], 1), ...statistics],
      "c",
      "y",
    ],
    [
      "by the layer behind it",
      [makeNode("Conv", ["x", "w"], ["c"], [], "one"), makeNode("Conv", ["c", "v"], ["y"], [], "two")],
      [normalTensor("w", [8, 4, 3, 3], 1), normalTensor("v", [2, 8, 1, 1], 2)],
      "two",
      "one",
    ],
    [
      "by the layer behind it, whose weight is meant",
      [makeNode("Conv", ["x", "w"], ["c"], [], "one"), makeNode("Conv", ["c", "v"], ["y"], [], "two")],
      [normalTensor("w", [8, 4, 3, 3], 1), normalTensor("v", [2, 8, 1, 1], 2)],
      "v",
      "one",
    ],
  ])("%s stays as it is", async (_, nodes, constants, selector, name) => {
    expect(await kept(model([1, 4, 8, 8], nodes, constants), { prune: 0.5, exclude: [selector] })).toEqual([
      `prune-magnitude ${name}`,
    ]);
  });
});

it("refuses what is neither in the file nor behind the exact steps", async () => {
  const network = model(
    [1, 4],
    [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
    [normalTensor("w", [4, 4], 1)],
  );
  await expect(compress(network, { verify: false, prune: 0.5, exclude: ["danse"] })).rejects.toMatchObject({
    code: "UNMATCHED_SELECTOR",
    message: expect.stringContaining('Did you mean "dense"?') as string,
  });
});

describe("a node that a fusion has taken in", () => {
  /** A layer whose bias is an Add, with a Dropout before it. */
  const network = (): Model =>
    model(
      [4, 8],
      [
        makeNode("Dropout", ["x"], ["d"], [], "drop"),
        makeNode("MatMul", ["d", "W"], ["h"], [], "dense"),
        makeNode("Add", ["h", "b"], ["y"], [], "bias"),
      ],
      [normalTensor("W", [8, 8], 1), normalTensor("b", [8], 2)],
    );

  it("is excluded with what has come of it", async () => {
    expect(await kept(network(), { int8: true, exclude: ["bias"] })).toEqual(
      await kept(network(), { int8: true, exclude: ["dense"] }),
    );
    expect(await kept(network(), { int8: true, exclude: ["bias"] })).not.toEqual([]);
  });

  it("is refused where nothing has come of it, with the step that took it out", async () => {
    await expect(kept(network(), { int8: true, exclude: ["drop"] })).rejects.toThrow(
      '"exclude": "drop" has no effect, because "remove-identities" removes it before weights are changed.',
    );
    // A pattern that holds something else as well has an effect.
    expect(await kept(network(), { int8: true, exclude: ["d*"] })).not.toEqual([]);
  });
});
