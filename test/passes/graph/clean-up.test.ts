import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { GraphEditor } from "../../../src/ir/index.js";
import { countNodes } from "../../support/count-nodes.js";
import { readModel } from "../../../src/onnx/index.js";
import { CLEAN_UP_PASSES } from "../../../src/passes/graph/clean-up.js";
import { CLEAN_UP } from "../../../src/plan/recipe.js";
import { difference, floats, run, untilStable } from "../../support/running.js";

it("is what the recipe begins with", () => {
  expect(CLEAN_UP_PASSES.map(({ pass }) => pass.definition.name)).toEqual(CLEAN_UP);
});

it.each(readdirSync("fixtures/models"))(
  "leaves what %s computes as it was, with no constant behind a node",
  async (file) => {
    const model = readModel(`fixtures/models/${file}`);
    const feed = Object.fromEntries(
      model.graph.inputs.map(({ name, type }) => [
        name,
        floats((type?.tensor?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 1))),
      ]),
    );
    const before = await run(model, feed);
    const nodes = countNodes(model.graph);
    const rounds = await untilStable(
      model,
      CLEAN_UP_PASSES.map(({ pass }) => pass()),
    );
    expect(rounds).toBeLessThanOrEqual(3);
    expect(countNodes(model.graph)).toBeLessThanOrEqual(nodes);
    expect(
      GraphEditor.forModel(model).flatMap(({ graph }) =>
        graph.nodes.filter((node) => node.opType === "Constant"),
      ),
    ).toEqual([]);
    expect(difference(before, await run(model, feed))).toBe(0);
  },
);
