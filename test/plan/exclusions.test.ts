import { describe, expect, it } from "vitest";
import { GraphEditor, type Model } from "../../src/ir/index.js";
import { Exclusions, presentNames, selectedNames } from "../../src/plan/exclusions.js";
import { matMulModel } from "../support/mat-mul-model.js";

/** The model as passes might leave it: the product under another name. */
function renamed(name: string): Model {
  const model = matMulModel();
  model.graph.nodes[0]!.name = name;
  return model;
}

describe("selectedNames", () => {
  it("takes names, operator types and patterns, of nodes and constants", () => {
    expect(selectedNames(matMulModel(), ["w"])).toEqual(["w"]);
    expect(selectedNames(matMulModel(), ["MatMul"])).toEqual(["dense/MatMul"]);
    expect(selectedNames(matMulModel(), ["*"])).toEqual(["dense/MatMul", "w"]);
  });
});

describe("presentNames", () => {
  it("drops what earlier passes removed", () => {
    expect(presentNames(matMulModel(), ["w", "gone"])).toEqual(["w"]);
  });

  it("adds what passes made of them", () => {
    const model = renamed("dense_last");
    GraphEditor.forMainGraph(model).recordProvenance("dense/MatMul", "dense_last");
    expect(presentNames(model, ["dense/MatMul"])).toEqual(["dense_last"]);
  });
});

describe("Exclusions", () => {
  it("mean what is in the file, and else what the exact steps made", () => {
    expect(new Exclusions(matMulModel(), ["w"]).in(renamed("late"))).toEqual(["w"]);
    expect(new Exclusions(matMulModel(), ["late"]).in(renamed("late"))).toEqual(["late"]);
    expect(new Exclusions(matMulModel(), []).in(renamed("late"))).toEqual([]);
  });

  it("do not mean what lossy steps made", () => {
    const exclusions = new Exclusions(matMulModel(), ["*ate"]);
    exclusions.in(renamed("late"));
    expect(exclusions.in(renamed("slate"))).toEqual([]);
  });

  it("suggest a node of the file for what is in neither", () => {
    const exclusions = new Exclusions(matMulModel(), ["dense/MatMull"]);
    expect(() => exclusions.in(renamed("late"))).toThrow(
      '"exclude": "dense/MatMull" does not match any node, constant or operator type of the ' +
        'model. Did you mean "dense/MatMul"?',
    );
  });

  it("count nodes in the file alone", () => {
    expect(new Exclusions(matMulModel(), ["#0"]).in(matMulModel())).toEqual(["dense/MatMul"]);
    expect(() => new Exclusions(matMulModel(), ["#1"])).toThrow('"#1" does not match any node');
  });
});
