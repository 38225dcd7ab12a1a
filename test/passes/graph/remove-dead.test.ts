import { expect, it } from "vitest";
import { DataType, floatTensor, makeNode, tensorValue } from "../../../src/ir/index.js";
import { removeDead } from "../../../src/passes/graph/remove-dead.js";
import { CONTEXT } from "./running.js";
import { apply, branch, FLAG, shown, tiny, X } from "./tiny-models.js";

const W = (name: string) => floatTensor(name, [3], Float32Array.of(1, 2, 3));

it("removes nodes that reach no output, with the constants and declarations that only they had", async () => {
  const model = tiny([makeNode("Add", ["x", "w"], ["dead"]), makeNode("Neg", ["dead"], ["deader"]), makeNode("Relu", ["x"], ["y"])], { initializers: [W("w")] });
  model.graph.valueInfo = [tensorValue("dead", DataType.FLOAT), tensorValue("y", DataType.FLOAT)];
  expect((await apply(removeDead(), model)).stats).toMatchObject({ nodes: 2, initializers: 1, declarations: 1 });
  expect([shown(model), model.graph.valueInfo.map((value) => value.name)]).toEqual([["%y = Relu(%x)"], ["y"]]);
});

it("keeps graph inputs, used or not, and their defaults", async () => {
  const model = tiny([makeNode("Relu", ["x"], ["y"])], { feed: { ...X, ...FLAG }, initializers: [W("d")] });
  model.graph.inputs.push(tensorValue("d", DataType.FLOAT, [3]));
  expect((await apply(removeDead(), model)).modified).toBe(false);
});

it("keeps what a body takes from outside and sweeps bodies too", async () => {
  const model = tiny([
    makeNode("Neg", ["x"], ["used"]), makeNode("Abs", ["x"], ["only_by_dead"]),
    makeNode("If", ["c"], ["y"], [
      branch("then_branch", [makeNode("Add", ["only_by_dead", "w"], ["dead"]), makeNode("Relu", ["used"], ["t"])], [], "t"),
      branch("else_branch", [makeNode("Add", ["used", "w"], ["e"])]),
    ]),
  ], { feed: { ...FLAG, ...X }, initializers: [W("w")] });
  expect((await apply(removeDead(), model)).stats).toMatchObject({ nodes: 2, initializers: 0 });
  expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Neg", "If"]);
});

it("drops optional outputs that nothing reads", async () => {
  const model = tiny([makeNode("Dropout", ["x"], ["a", "mask"]), makeNode("Relu", ["a"], ["y"])]);
  await apply(removeDead(), model);
  expect(shown(model)[0]).toBe("%a = Dropout(%x)");
});

it("drops functions that nothing calls, and keeps those that functions call", async () => {
  const model = tiny([{ ...makeNode("F", ["x"], ["y"]), domain: "own" }]);
  const fn = (name: string, calls: string, domain: string) => ({
    name, domain: "own", inputs: ["a"], outputs: ["b"], attributeNames: [], attributeDefaults: [], valueInfo: [],
    opsetImports: [{ domain: "", version: 17n }, { domain: "own", version: 1n }], nodes: [{ ...makeNode(calls, ["a"], ["b"]), domain }],
  });
  model.opsetImports.push({ domain: "own", version: 1n });
  model.functions = [fn("F", "G", "own"), fn("G", "Relu", ""), fn("H", "Relu", "")];
  expect((await apply(removeDead(), model)).stats.functions).toBe(1);
  expect(model.functions.map((f) => f.name)).toEqual(["F", "G"]);
});

it("keeps nodes of other operator sets that have no output", async () => {
  const model = tiny([{ ...makeNode("Log", ["x"], []), domain: "own" }, makeNode("Relu", ["x"], ["y"])]);
  model.opsetImports.push({ domain: "own", version: 1n });
  expect((await apply(removeDead(), model)).modified).toBe(false);
});

it("follows calls of functions that are nested very deep", async () => {
  const model = tiny([{ ...makeNode("F0", ["x"], ["y"]), domain: "own" }]);
  model.opsetImports.push({ domain: "own", version: 1n });
  model.functions = Array.from({ length: 20_000 }, (_, k) => ({
    name: `F${k}`, domain: "own", inputs: ["a"], outputs: ["b"], attributeNames: [], attributeDefaults: [], valueInfo: [], opsetImports: [{ domain: "own", version: 1n }],
    nodes: [k < 19_999 ? { ...makeNode(`F${k + 1}`, ["a"], ["b"]), domain: "own" } : makeNode("Relu", ["a"], ["b"])],
  }));
  expect((await removeDead().run(model, CONTEXT)).stats.functions).toBe(0);
});
