import { expect, it } from "vitest";
import { copyModel, floatTensor, GraphEditor, makeNode, type Model } from "../../src/ir/index.js";
import { ModelKeys } from "../../src/run/model-keys.js";
import { model } from "../support/feed-models.js";

const large = (): Model =>
  model(
    ["n", 64],
    [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("Add", ["h", "b"], ["y"])],
    [floatTensor("w", [64, 64], new Float32Array(4096)), floatTensor("b", [64], new Float32Array(64))],
  );

it("are the same for a copy, and for small constants that were made anew", () => {
  const [keys, m] = [new ModelKeys(), large()];
  const copy = copyModel(m);
  GraphEditor.forMainGraph(copy).replaceInitializer(floatTensor("b", [64], new Float32Array(64)));
  expect(keys.of(copy)).toBe(keys.of(m));
});

it("differ for other nodes and other constants, of the same bytes elsewhere too where they are large", () => {
  const [keys, m] = [new ModelKeys(), large()];
  const changed = (change: (copy: Model) => void): string => {
    const copy = copyModel(m);
    change(copy);
    return keys.of(copy);
  };
  const found = [
    keys.of(m),
    changed((copy) => void (copy.graph.nodes[1]!.opType = "Sub")),
    changed((copy) => void (copy.graph.outputs[0]!.name = "h")),
    changed((copy) =>
      GraphEditor.forMainGraph(copy).replaceInitializer(floatTensor("b", [64], new Float32Array(64).fill(1))),
    ),
    changed((copy) =>
      GraphEditor.forMainGraph(copy).replaceInitializer(floatTensor("w", [64, 64], new Float32Array(4096))),
    ),
    changed((copy) =>
      GraphEditor.forMainGraph(copy).replaceInitializer(
        floatTensor("w", [64, 64], new Float32Array(4096).fill(1)),
      ),
    ),
  ];
  expect(new Set(found).size).toBe(found.length);
});

it("tell parts of one buffer apart", () => {
  const keys = new ModelKeys();
  const values = new Float32Array(8192);
  const of = (offset: number): string =>
    keys.of(
      model(
        ["n", 64],
        [makeNode("MatMul", ["x", "w"], ["y"])],
        [floatTensor("w", [64, 64], values.subarray(offset, offset + 4096))],
      ),
    );
  expect(of(0)).toBe(of(0));
  expect(of(4096)).not.toBe(of(0));
});
