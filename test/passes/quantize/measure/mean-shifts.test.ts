import { describe, expect, it } from "vitest";
import { attribute, floatTensor, makeNode, type Feed, type Model } from "../../../../src/ir/index.js";
import { assertValid } from "../../../../src/ir/validate.js";
import { encodeModelBytes } from "../../../../src/onnx/index.js";
import { modelOfShifts } from "../../../../src/passes/quantize/measure/mean-shifts.js";
import { loadRuntime } from "../../../../src/runtime/index.js";
import { feed, model } from "../../../support/feed-models.js";

/** Both double their input: a, then y = 4 x. */
const dense = (): Model =>
  model(
    ["n", 2],
    [
      makeNode("MatMul", ["x", "w"], ["p"]),
      makeNode("Add", ["p", "b"], ["a"]),
      makeNode("Gemm", ["a", "w"], ["y"]),
    ],
    [floatTensor("w", [2, 2], Float32Array.of(2, 0, 0, 2)), floatTensor("b", [2], new Float32Array(2))],
  );
/** Two channels, each the input's only channel times 1 and 3. */
const convolution = (): Model =>
  model(
    ["n", 1, 2, 2],
    [makeNode("Conv", ["x", "w"], ["y"])],
    [floatTensor("w", [2, 1, 1, 1], Float32Array.of(1, 3))],
  );

async function run(m: Model, fed: Feed, tensors: readonly string[]): Promise<number[][]> {
  const shown = { ...m, graph: { ...m.graph, outputs: tensors.map((name) => ({ name })) } };
  assertValid(shown, "copy");
  const session = await (await loadRuntime()).open(encodeModelBytes(shown));
  const outputs = await session.run(fed);
  await session.release();
  return tensors.map((name) => Array.from(outputs[name]!.data as Float32Array));
}

describe.each([13, 18])("of operator set %i", (opset) => {
  const at = (m: Model): Model => ({ ...m, opsetImports: [{ domain: "", version: BigInt(opset) }] });

  it("gives what each mean lacks, behind layers that lack nothing any more", async () => {
    const targets = new Map([
      ["a", Float64Array.of(5, 5)],
      ["y", Float64Array.of(0, 1)],
    ]);
    const { model: copy, requests } = modelOfShifts(at(dense()), targets);
    expect([...requests.values()].map(({ kind, axis }) => [kind, axis])).toEqual([
      ["moments", 0],
      ["moments", 0],
    ]);
    // Means of x are 2 and 3: those of a are 4 and 6, and once they are 5 and 5 those of y are 10 and 10.
    expect(
      await run(
        copy,
        feed([2, 2], [1, 2, 3, 4]),
        [...requests.values()].map(({ tensor }) => tensor),
      ),
    ).toEqual([
      [1, -1],
      [-10, -9],
    ]);
  });

  it("takes means of channels over samples and places", async () => {
    const { model: copy, requests } = modelOfShifts(
      at(convolution()),
      new Map([["y", Float64Array.of(1, 1)]]),
    );
    const request = requests.get("y")!;
    expect(request.axis).toBe(1);
    expect(await run(copy, feed([2, 1, 2, 2], [1, 1, 1, 1, 3, 3, 3, 3]), [request.tensor])).toEqual([
      [-1, -5],
    ]);
  });
});

it("leaves out sites without a target or with one of another length, and the model that it was given", async () => {
  const m = dense();
  const bytes = encodeModelBytes(m);
  const { model: copy, requests } = modelOfShifts(m, new Map([["y", Float64Array.of(1)]]));
  expect(requests.size).toBe(0);
  expect(await run(copy, feed([1, 2], [1, 2]), ["y"])).toEqual([[4, 8]]);
  modelOfShifts(m, new Map([["a", Float64Array.of(1, 1)]]));
  expect(encodeModelBytes(m)).toEqual(bytes);
});

it("measures what is also a graph output, which stays as it was", async () => {
  const m = model(
    ["n", 2],
    [makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)])],
    [floatTensor("w", [2, 2], Float32Array.of(1, 0, 0, 1))],
  );
  const { model: copy, requests } = modelOfShifts(m, new Map([["y", Float64Array.of(9, 9)]]));
  expect(await run(copy, feed([1, 2], [1, 2]), ["y", requests.get("y")!.tensor])).toEqual([
    [1, 2],
    [8, 7],
  ]);
});
