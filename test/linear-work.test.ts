/** Models with very many parts cost no more per part than small ones. */
import { describe, expect, it } from "vitest";
import {
  copyModel,
  DataType,
  emptyGraph,
  floatTensor,
  GraphEditor,
  makeNode,
  tensorValue,
  validateModel,
  type Model,
} from "../src/ir/index.js";
import { planRounds } from "../src/calibration/memory-batches.js";
import { planSegments } from "../src/calibration/segments.js";
import { decodeModel, encodeModelBytes } from "../src/onnx/index.js";
import { checkOperators } from "../src/ops/check-operators.js";
import { findPass } from "../src/plan/registry.js";
import { fingerprintOf } from "../src/plan/fingerprint.js";
import { CLEAN_UP_LITE, OPTIMIZE } from "../src/plan/recipe.js";
import { describeExecuted } from "../src/verify/executed.js";
import { countedWork } from "./support/counted-work.js";
import { MANY } from "./support/many-parts.js";

const FEW = 100;
/**
 * Work may grow like parts · log(parts), or less because of constant work: four times the parts, five times
 * the work.
 */
const TIMES = 4;
const MOST = 5;
/** Below this much work per part, nothing walks a list of all parts. */
const PER_PART = 50;

const CONTEXT = { statistics: undefined, evaluator: undefined, seed: 0 };
const OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  "prune-magnitude": { amount: 0.5 },
  "cluster-weights": { k: 4 },
  "upgrade-opset": { target: 20 },
};
const PASSES = [
  ...new Set([
    ...OPTIMIZE,
    ...CLEAN_UP_LITE,
    "upgrade-opset",
    "widen-half",
    "prune-magnitude",
    "quantize-int8",
    "round-weights",
    "cluster-weights",
    "store-int8",
  ]),
];

const JOBS: Readonly<Record<string, (model: Model) => unknown>> = {
  reading: (model) => decodeModel(encodeModelBytes(model)),
  validating: (model) => [validateModel(model), checkOperators(model)],
  fingerprint: fingerprintOf,
  "describing what is executed": (model) => describeExecuted(model),
  "replacing every constant": (model) => {
    for (const editor of GraphEditor.forModel(model))
      for (const tensor of [...editor.graph.initializers]) editor.replaceInitializer({ ...tensor });
  },
  "putting a node in front of each": (model) => {
    const editor = GraphEditor.forMainGraph(model);
    for (const node of [...editor.graph.nodes])
      editor.insertBefore(node, makeNode("Identity", node.inputs.slice(0, 1), [editor.uniqueName("copy")]));
  },
  ...Object.fromEntries(
    PASSES.map((name) => [
      name,
      (model: Model) =>
        findPass(name)
          .bind(OPTIONS[name] ?? {})
          .run(model, CONTEXT),
    ]),
  ),
};

describe.each(Object.keys(MANY))("%s", (kind) => {
  const [few, many] = [FEW, TIMES * FEW].map((count) => MANY[kind]!(count)) as [Model, Model];

  it("take work in proportion to their number", async () => {
    const grown: string[] = [];
    for (const [job, work] of Object.entries(JOBS)) {
      // What is found once is kept, such as facts of operators.
      await work(copyModel(MANY[kind]!(2)));
      const [before, after] = [
        await countedWork(() => work(copyModel(few))),
        await countedWork(() => work(copyModel(many))),
      ];
      if (after > MOST * before && after > PER_PART * TIMES * FEW) grown.push(`${job}: ${before} → ${after}`);
    }
    expect(grown).toEqual([]);
  });
});

it("requests for very many tensors are packed into rounds in time proportional to their number", async () => {
  const work = (count: number): Promise<number> => {
    const shapes = new Map(Array.from({ length: count }, (_, k) => [`t${k}`, [1, 4]]));
    const requests = [...shapes.keys()].map((tensor) => ({ kind: "range" as const, tensor }));
    return countedWork(() => planRounds(requests, shapes, { roundBytes: Infinity, gramBytes: Infinity }));
  };
  expect(await work(TIMES * FEW)).toBeLessThan(MOST * (await work(FEW)));
});

it("models of very many nodes are cut in time proportional to their number", async () => {
  const work = (count: number): Promise<number> => {
    const nodes = Array.from({ length: count }, (_, k) =>
      makeNode("Relu", [k === 0 ? "x" : `t${k - 1}`], [`t${k}`]),
    );
    const graph = { ...emptyGraph("g"), nodes, inputs: [tensorValue("x", DataType.FLOAT)] };
    const bytes = new Map(nodes.map(({ outputs }) => [outputs[0]!, 4]));
    return countedWork(() => planSegments(graph, bytes, count));
  };
  expect(await work(TIMES * FEW)).toBeLessThan(MOST * (await work(FEW)));
});

it("large constants with equal beginnings are compared in time proportional to their number", async () => {
  const model = (count: number): Model => {
    const initializers = Array.from({ length: count }, (_, k) => {
      const values = new Float32Array(2000);
      values[1999] = k;
      return floatTensor(`w${k}`, [2000], values);
    });
    return {
      opsetImports: [{ domain: "", version: 17n }],
      functions: [],
      trainingInfo: [],
      deviceConfigurations: [],
      graph: { ...emptyGraph("g"), initializers },
    };
  };
  const work = (count: number): Promise<number> =>
    countedWork(() => findPass("deduplicate-initializers").bind({}).run(model(count), CONTEXT));
  expect(await work(TIMES * FEW)).toBeLessThan(MOST * (await work(FEW)));
});
