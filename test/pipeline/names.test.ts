import { describe, expect, it } from "vitest";
import { matchingNames } from "../../src/pipeline/names.js";
import { matMulModel } from "./tiny-model.js";

describe("matchingNames", () => {
  it("takes nodes and constants by their names, literally", () => {
    expect(matchingNames(matMulModel(), ["w"])).toEqual(["w"]);
    expect(matchingNames(matMulModel(), ["dense.MatMul"])).toEqual([]);
  });

  it("lets * stand for any text", () => {
    expect(matchingNames(matMulModel(), ["dense/*"])).toEqual(["dense/MatMul"]);
    expect(matchingNames(matMulModel(), ["*"])).toEqual(["dense/MatMul", "w"]);
  });
});
