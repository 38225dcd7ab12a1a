import { expect, it } from "vitest";
import type { CodeTensor, Unit } from "../../src/search/qdq-graph.js";
import { islandsOf } from "../../src/search/qdq-groups.js";

const units = (count: number): Unit[] =>
  Array.from({ length: count }, (_, k) => ({
    name: `u${k}`,
    cost: "conv",
    isCompute: true,
    floatTime: 0,
    gathered: 0,
    fusedTime: 0,
  }));
const tensor = (producer: number | undefined, readers: readonly number[]): CodeTensor => ({
  values: 1,
  producer,
  readers,
  hasFloatReaders: readers.length === 0,
});

it("takes for an island what codes flow between, with the tensors that carry them", () => {
  const tensors = [
    tensor(undefined, [0, 2]),
    tensor(0, [1]),
    tensor(1, []),
    tensor(3, [4]),
    tensor(undefined, []),
  ];
  expect(islandsOf({ units: units(5), tensors, restTime: 0 })).toEqual([
    { units: [0, 1, 2], tensors: [0, 1, 2] },
    { units: [3, 4], tensors: [3] },
  ]);
});

it("finds one island of 100,000 units that read one tensor", () => {
  const readers = Array.from({ length: 100_000 }, (_, k) => k);
  const [island, ...others] = islandsOf({
    units: units(100_000),
    tensors: [tensor(undefined, readers)],
    restTime: 0,
  });
  expect([island?.units, others]).toEqual([readers, []]);
});
