import { describe, expect, it } from "vitest";
import {
  copyModel,
  floatTensor,
  GraphEditor,
  makeNode,
  withDerivedNames,
  type Model,
} from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { model } from "../support/feed-models.js";

const tiny = (): Model =>
  model(
    [1, 2],
    [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
    [floatTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4))],
  );

describe("what became of names", () => {
  it("is found in any number of steps, in circles too", () => {
    const m = tiny();
    const [first, second] = [GraphEditor.forMainGraph(m), GraphEditor.forMainGraph(m)];
    first.recordProvenance("w", "w_1");
    first.recordProvenance("w", "w_2");
    second.recordProvenance("w_2", "w_3");
    second.recordProvenance("w_3", "w");
    expect([...withDerivedNames(m, ["w"])].sort()).toEqual(["w", "w_1", "w_2", "w_3"]);
    expect([...withDerivedNames(m, ["w_1", "dense"])]).toEqual(["w_1", "dense"]);
  });

  it("is a copy's own, and no part of what is written", () => {
    const m = tiny();
    const bytes = encodeModelBytes(m);
    GraphEditor.forMainGraph(m).recordProvenance("w", "w_1");
    GraphEditor.forMainGraph(copyModel(m)).recordProvenance("w", "w_2");
    expect([...withDerivedNames(m, ["w"])]).toEqual(["w", "w_1"]);
    expect([...withDerivedNames(copyModel(m), ["w"])]).toEqual(["w", "w_1"]);
    expect(Buffer.from(encodeModelBytes(m)).equals(Buffer.from(bytes))).toBe(true);
  });
});
