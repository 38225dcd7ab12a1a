/** Models that are cut where they would compute too much at once. */
import { describe, expect, it } from "vitest";
import { planSegments } from "../../src/calibration/segments.js";
import type { Dataset } from "../../src/data/index.js";
import { attribute, DataType, floatTensor, makeNode, type Node } from "../../src/ir/index.js";
import type { StatisticRequest } from "../../src/numeric/statistics.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { Random } from "../support/random.js";
import { normalArray } from "../support/seeded.js";
import { calibrateInOneProcess } from "../support/calibrating.js";

const calibrate = calibrateInOneProcess();

const histogram = (tensor: string): StatisticRequest => ({ kind: "histogram", tensor, bins: 8 });

/** A graph of sums and products of what lies anywhere before, some of it constant. */
function randomNodes(random: Random, count: number): Node[] {
  const names = ["x", "c"];
  return Array.from({ length: count }, (_, k) => {
    const earlier = (): string => names[Math.max(0, names.length - 1 - random.below(6))]!;
    const output = `t${k}`;
    const node =
      random.below(4) === 0
        ? makeNode("Tanh", [random.below(5) === 0 ? "c" : earlier()], [output])
        : makeNode(random.below(2) === 0 ? "Add" : "Sub", [earlier(), earlier()], [output]);
    names.push(output);
    return node;
  });
}

const half = floatTensor("c", [1], Float32Array.of(0.5));

/** Counts how often samples are read. */
function counting(source: Dataset): Dataset & { reads: number } {
  const counted = {
    ...source,
    reads: 0,
    async *samples() {
      for await (const sample of source.samples()) {
        counted.reads++;
        yield sample;
      }
    },
  };
  return counted;
}

describe("planSegments", () => {
  it("measures each tensor once, within the limit, with all that later segments need at hand", () => {
    const random = new Random(3);
    for (let trial = 0; trial < 200; trial++) {
      const nodes = randomNodes(random, 3 + random.below(30));
      const { graph } = model(["n"], nodes, [half]);
      const made = nodes.map(({ outputs }) => outputs[0]!);
      const bytes = new Map(
        made.filter(() => random.below(3) > 0).map((name) => [name, 1 + random.below(10)]),
      );
      const most = 12;
      const segments = planSegments(graph, bytes, most);
      const constant = new Set(["c"]);
      for (const { inputs, outputs } of nodes)
        if (inputs.every((name) => constant.has(name))) constant.add(outputs[0]!);
      expect(segments.flatMap(({ computed }) => computed).sort()).toEqual([...bytes.keys()].sort());
      let kept = new Set<string>();
      for (const { computed, keep } of segments) {
        const own = computed.filter((name) => !constant.has(name));
        expect(own.reduce((sum, name) => sum + bytes.get(name)!, 0)).toBeLessThanOrEqual(most);
        const within = reachable(nodes, [...own, ...keep], new Set([...kept, ...constant, "x"]));
        // A segment computes nothing that an earlier one has.
        expect(within.filter((name) => kept.has(name))).toEqual([]);
        kept = new Set(keep);
      }
    }
  });

  it("cuts through measured tensors rather than others", () => {
    const chain = ["a", "b", "c", "d"].map((name, k, all) =>
      makeNode("Relu", [k === 0 ? "x" : all[k - 1]!], [name]),
    );
    const { graph } = model(["n"], chain);
    const bytes = new Map(["a", "b", "d"].map((name) => [name, 10]));
    expect(planSegments(graph, bytes, 20)).toEqual([
      { computed: ["a", "b"], keep: ["b"] },
      { computed: ["d"], keep: [] },
    ]);
  });
});

/** The names that are computed for `wanted`, walking back as far as what is `given`. */
function reachable(nodes: readonly Node[], wanted: readonly string[], given: ReadonlySet<string>): string[] {
  const needed = new Set(wanted.filter((name) => !given.has(name)));
  for (const { inputs, outputs } of [...nodes].reverse())
    if (needed.has(outputs[0]!)) for (const name of inputs) if (!given.has(name)) needed.add(name);
  return [...needed];
}

describe("calibrate in segments", () => {
  it("gives what the whole model gives, and reads the data as often", async () => {
    const random = new Random(11);
    for (let trial = 0; trial < 3; trial++) {
      const nodes = randomNodes(random, 25);
      const data = [1, 2, 3].map((seed) => feed([1000], normalArray(1000, seed)));
      const requests = nodes.filter(() => random.below(3) > 0).map(({ outputs }) => histogram(outputs[0]!));
      const measured = async (activationBytes: number) => {
        const source = counting(dataset(data));
        const statistics = await calibrate({
          ...{ model: model(["n"], nodes, [half]), dataset: source, requests, activationBytes },
          threads: 1 + (trial % 2),
        });
        return { values: requests.map((request) => statistics.get(request)), reads: source.reads };
      };
      const whole = await measured(2 ** 30);
      // Of the size of three tensors.
      expect(await measured(12_000)).toEqual(whole);
      // The first sample is read for the sizes, too.
      expect(whole.reads).toBe(4);
    }
  });

  it("gives the same with threads that reduce, which take the tensors of a segment with them", async () => {
    const nodes = [
      makeNode("Tanh", ["x"], ["a"]),
      makeNode("Neg", ["a"], ["b"]),
      makeNode("Add", ["a", "b"], ["c"]),
      makeNode("Sub", ["c", "x"], ["d"]),
    ];
    const size = 300_000;
    const data = dataset([1, 2].map((seed) => feed([size], normalArray(size, seed))));
    const requests = ["x", "a", "b", "c", "d"].map(histogram);
    const measured = async (activationBytes: number): Promise<unknown[]> => {
      const made = { model: model(["n"], nodes), dataset: data, requests, activationBytes, threads: 2 };
      const statistics = await calibrate(made);
      return requests.map((request) => statistics.get(request));
    };
    expect(await measured(4 * size)).toEqual(await measured(2 ** 30));
  });

  it("runs the model whole where the runtime cannot hand over what lies at a cut", async () => {
    const cast = (from: string, to: string, type: DataType): Node =>
      makeNode("Cast", [from], [to], [attribute.int("to", type)]);
    const nodes = [
      cast("x", "b", DataType.BFLOAT16),
      cast("b", "c", DataType.FLOAT),
      makeNode("Neg", ["c"], ["d"]),
      cast("b", "e", DataType.FLOAT),
      makeNode("Add", ["d", "e"], ["f"]),
    ];
    const statistics = await calibrate({
      model: model(["n"], nodes),
      dataset: dataset([feed([2], [1, -2])]),
      requests: ["c", "d", "f"].map((tensor) => ({ kind: "range", tensor })),
      activationBytes: 8,
    });
    expect(["c", "d", "f"].map((tensor) => statistics.get({ kind: "range", tensor }))).toEqual([
      { min: -2, max: 1, count: 2 },
      { min: -1, max: 2, count: 2 },
      { min: 0, max: 0, count: 2 },
    ]);
  });
});
