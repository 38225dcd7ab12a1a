import { describe, expect, it } from "vitest";
import { presentNames, selectedNames } from "../../src/pipeline/names.js";
import { matMulModel } from "./tiny-model.js";

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
});
