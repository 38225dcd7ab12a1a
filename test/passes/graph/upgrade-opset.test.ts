import { expect, it } from "vitest";
import { attribute, makeNode, opsetVersion } from "../../../src/ir/index.js";
import { upgradeOpset } from "../../../src/passes/graph/upgrade-opset.js";
import { CONTEXT } from "../../support/running.js";
import { apply, tiny } from "../../support/tiny-models.js";

const squeeze = () => makeNode("Squeeze", ["x"], ["s"], [attribute.ints("axes", [0])]);

it("brings an old model to operator set 13", async () => {
  const model = tiny([squeeze(), makeNode("Relu", ["s"], ["y"])], {
    opset: 11,
    feed: { x: { dataType: 1, dims: [1, 3], data: new Float32Array(3) } },
  });
  expect(await apply(upgradeOpset(), model)).toMatchObject({ modified: true, stats: { from: 11, to: 13 } });
  expect(opsetVersion(model)).toBe(13);
});

it("leaves the model and names the node in a warning when one cannot be converted", async () => {
  const model = tiny([squeeze(), makeNode("Dropout", ["s"], ["y", "mask"], [], "drop")], { opset: 11 });
  const { modified, diagnostics } = await upgradeOpset().run(model, CONTEXT);
  expect([modified, opsetVersion(model), model.graph.nodes[0]?.attributes.length]).toEqual([false, 11, 1]);
  expect(diagnostics).toMatchObject([{ id: "upgrade-opset/blocked", severity: "warning" }]);
  expect(diagnostics[0]?.message).toContain('node "drop" (Dropout)');
});

it("refuses operator sets that it does not know", () => {
  expect(() => upgradeOpset({ target: 30 })).toThrow(/from 1 to 26/);
});
