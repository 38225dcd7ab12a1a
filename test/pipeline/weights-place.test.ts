import { describe, expect, it } from "vitest";
import { DataType, type Model } from "../../src/ir/index.js";
import { weightsPlace, willSplit } from "../../src/pipeline/weights-place.js";
import { matMulModel } from "./tiny-model.js";

/** A model that states so many bytes of weights and holds none of them. */
function modelOf(bytes: number, location?: string): Model {
  const model = matMulModel();
  const external =
    location === undefined
      ? {}
      : { external: { location, offset: 0, length: bytes, load: () => new Uint8Array(), read: () => undefined } };
  model.graph.initializers = [{ name: "w", dims: [bytes], dataType: DataType.UINT8, ...external }];
  return model;
}

describe("weights that came in a file of their own", () => {
  it.each([
    [1, false],
    [255_999_999, false],
    [256_000_000, true],
    [1_899_999_999, true],
  ])("%d bytes stay there: %s", (bytes, stays) => {
    expect(weightsPlace(modelOf(bytes), undefined, true)).toBe(stays);
  });

  it("go where they are asked to", () => {
    for (const asked of [true, false])
      for (const bytes of [1, 1e9]) expect(weightsPlace(modelOf(bytes), asked, true)).toBe(asked);
  });
});

it("leaves weights in the model to the writer, which splits what protobuf cannot hold", () => {
  for (const bytes of [1, 1e9, 3e9]) expect(weightsPlace(modelOf(bytes), undefined, false)).toBeUndefined();
});

it("knows before the work whether there will be a data file", () => {
  expect([willSplit(modelOf(1), true), willSplit(modelOf(3e9), false)]).toEqual(["will", "not"]);
  expect([willSplit(modelOf(1e9), undefined), willSplit(modelOf(3e9), undefined)]).toEqual(["may", "will"]);
  expect([willSplit(modelOf(255e6, "w"), undefined), willSplit(modelOf(256e6, "w"), undefined)]).toEqual([
    "may",
    "will",
  ]);
});
