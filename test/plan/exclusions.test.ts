import { describe, expect, it } from "vitest";
import { GraphEditor, type Model } from "../../src/ir/index.js";
import { Exclusions } from "../../src/plan/exclusions.js";
import { matMulModel } from "../support/mat-mul-model.js";

/** The model as passes might leave it: the product under another name. */
function renamed(name: string): Model {
  const model = matMulModel();
  model.graph.nodes[0]!.name = name;
  return model;
}

describe("Exclusions", () => {
  it("are names, operator types and patterns, of nodes and constants", () => {
    const named = (selector: string): string[] => new Exclusions(matMulModel(), [selector]).in(matMulModel());
    expect(named("w")).toEqual(["w"]);
    expect(named("MatMul")).toEqual(["dense/MatMul"]);
    expect(named("*")).toEqual(["dense/MatMul", "w"]);
  });

  it("drop what passes removed, and add what passes made of them", () => {
    const excluded = new Exclusions(matMulModel(), ["*"]);
    excluded.in(matMulModel());
    const gone = matMulModel();
    gone.graph.nodes = [];
    expect(excluded.in(gone)).toEqual(["w"]);
    const later = renamed("dense_last");
    GraphEditor.forMainGraph(later).recordProvenance("dense/MatMul", "dense_last");
    expect(excluded.in(later)).toEqual(["w", "dense_last"]);
  });

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
