import { describe, expect, it } from "vitest";
import {
  attribute, floatTensor, GraphEditor, makeNode, type Model, type Node, type Tensor, toFloat32,
} from "../../../src/ir/index.js";
import { viewOffsets } from "../../../src/ops/strided-view.js";
import { weightView } from "../../../src/ops/weight-view.js";
import { clusterWeights } from "../../../src/passes/cluster/cluster-weights.js";
import type { Pass } from "../../../src/passes/contract.js";
import { pruneMagnitude } from "../../../src/passes/prune/prune-magnitude.js";
import { roundWeights } from "../../../src/passes/quantize/round-weights.js";
import { weightLayers } from "../../../src/passes/weights/weight-layers.js";
import { Random } from "../../fuzz/random.js";
import { normalArray } from "../../numeric/seeded.js";
import { moversTo } from "../../ops/movers.js";
import { model, statisticsOf } from "./tiny-models.js";

const [ROWS, COLUMNS, SAMPLES] = [24, 16, 60] as const;
const table = (values: Float32Array = normalArray(ROWS * COLUMNS, 8)): Tensor =>
  floatTensor("t", [ROWS, COLUMNS], values);
const rowsOf = (width: number): number[][] =>
  Array.from({ length: SAMPLES }, (_, k) => [...normalArray(width, 100 + k)]);

/** Weights of the layer "product" as it sees them. */
function seenBy(m: Model, node: Node): number[] {
  const view = weightView(GraphEditor.forMainGraph(m), node.inputs[1]!)!;
  const values = toFloat32(view.tensor);
  return [...viewOffsets(view)].map((offset) => values[offset]!);
}

const PASSES: readonly [string, () => Pass, boolean][] = [
  ["pruning by magnitude", () => pruneMagnitude({ amount: 0.5, protectEnds: false }), false],
  ["pruning with data", () => pruneMagnitude({ amount: 0.5, protectEnds: false }), true],
  ["pruning in a pattern", () => pruneMagnitude({ amount: "2:4", protectEnds: false }), false],
  ["clustering by value", () => clusterWeights({ k: 4 }), false],
  ["clustering with data", () => clusterWeights({ k: 4 }), true],
  ["rounding with data", () => roundWeights({ weightBits: 4, protectEnds: false, layers: "all" }), true],
];

describe.each(PASSES)("%s", (_, make, withData) => {
  it("changes a weight behind random movers as it changes one that the layer takes itself", async () => {
    const random = new Random(21);
    for (let round = 0; round < 8; round++) {
      const isTransposed = random.chance(0.6);
      const { nodes, constants, name } = moversTo(random, "m", "t", [ROWS, COLUMNS], isTransposed);
      const layer = makeNode("MatMul", ["x", name], ["y"], [], "product");
      const behind = model([...nodes, layer], [table(), ...constants]);
      const values = normalArray(ROWS * COLUMNS, 8);
      const [inner, outputs] = isTransposed ? [COLUMNS, ROWS] : [ROWS, COLUMNS];
      const direct = model([makeNode("MatMul", ["x", "w"], ["y"], [], "product")], [
        floatTensor("w", [inner, outputs], isTransposed
          ? Float32Array.from(values, (_v, k) => values[(k % ROWS) * COLUMNS + Math.floor(k / ROWS)]!) : values),
      ]);
      const statistics = (m: Model, pass: Pass) => (withData ? statisticsOf(pass, m, rowsOf(inner)) : undefined);
      for (const m of [behind, direct]) {
        const pass = make();
        expect((await pass.run(m, { statistics: statistics(m, pass), evaluator: undefined, seed: 0 })).nodes)
          .toMatchObject([{ name: "product", status: "changed" }]);
      }
      const [seen, expected] = [seenBy(behind, layer), seenBy(direct, direct.graph.nodes[0]!)];
      expect(Math.max(...seen.map((value, k) => Math.abs(value - expected[k]!)))).toBeLessThan(1e-6);
    }
  });
});

describe("a weight that layers use in two ways", () => {
  const twoWays = (): Model => model([
    makeNode("MatMul", ["x", "t"], ["h"], [], "encode"),
      makeNode("Gemm", ["h", "t"], ["y"], [attribute.int("transB", 1)], "decode"),
  ], [floatTensor("t", [16, 16], normalArray(256, 3))]);

  it("is pruned by magnitude: the inputs of one say nothing of the other", async () => {
    const m = twoWays();
    expect(weightLayers(m)).toMatchObject([{ isUniform: false, uses: [{}, {}] }]);
    const pass = pruneMagnitude({ amount: 0.5, protectEnds: false });
    const { nodes } = await pass.run(m,
      { statistics: statisticsOf(pass, m, rowsOf(16)), evaluator: undefined, seed: 0 });
    expect(nodes[0]).toMatchObject({ status: "changed" });
    const [before, after] = [normalArray(256, 3), toFloat32(m.graph.initializers[0]!)];
    const largest = new Set([...before].map(Math.abs).sort((a, b) => b - a).slice(0, 128));
    expect([...after]).toEqual([...before].map((value) => (largest.has(Math.abs(value)) ? value : 0)));
  });

  it("is left alone where what moves it is read by something else", () => {
    const m = model([makeNode("Transpose", ["t"], ["u"]), makeNode("MatMul", ["x", "u"], ["h"]),
      makeNode("Exp", ["u"], ["e"], [], "exp"), makeNode("Add", ["h", "e"], ["y"])],
      [floatTensor("t", [16, 16], normalArray(256, 3))]);
    expect(weightLayers(m)).toMatchObject([{ obstacle: '"t" is also used by Exp "exp"' }]);
  });
});
