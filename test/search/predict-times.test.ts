import { describe, expect, it } from "vitest";
import type { CodeGraph, CodeTensor, Unit } from "../../src/search/qdq-graph.js";
import { CALL } from "../../src/search/float-cost.js";
import { islandsOf } from "../../src/search/qdq-groups.js";
import {
  cheapestInFloat,
  islandTime,
  predictedFloatTime,
  predictedTime,
} from "../../src/search/predict-times.js";
import { GENERIC } from "../../src/targets/index.js";
import { uniform } from "../support/seeded.js";

const COSTS = {
  ...GENERIC.costs,
  conv: 0.5,
  depthwiseConv: 2,
  requantizer: 1.5,
  gather: 3,
  quantize: 10,
  dequantize: 7,
};
/** `work` in float besides the call itself. */
const unit = (cost: Unit["cost"], work: number, more: Partial<Unit> = {}): Unit => ({
  name: cost,
  cost,
  isCompute: true,
  floatTime: CALL + work,
  gathered: 0,
  fusedTime: 0,
  ...more,
});
const tensor = (
  values: number,
  producer: number | undefined,
  readers: readonly number[],
  hasFloatReaders = false,
): CodeTensor => ({ values, producer, readers, hasFloatReaders });
/** One operator between float neighbours. */
const alone = (work: number): CodeGraph => ({
  units: [unit("conv", work)],
  tensors: [tensor(100, undefined, [0]), tensor(200, 0, [], true)],
  restTime: 5,
});

describe("predictedTime", () => {
  it("is the kernel's share of its float time, with the conversions at its borders", () => {
    const [inCodes, outOfCodes] = [CALL + 100 * 10, CALL + 200 * 7];
    expect(predictedTime(alone(9000), COSTS)).toBe(5 + CALL + 4500 + inCodes + outOfCodes);
    expect(predictedTime(alone(9000), COSTS, new Set([0]))).toBe(5 + CALL + 9000);
    expect(predictedFloatTime(alone(9000))).toBe(5 + CALL + 9000);
  });

  it("counts what a kernel gathers, and an activation that float would have computed with it", () => {
    const graph: CodeGraph = {
      units: [unit("conv", 1000, { gathered: 40, fusedTime: 70 })],
      tensors: [],
      restTime: 0,
    };
    expect(predictedTime(graph, COSTS)).toBe(CALL + 500 + 3 * 40 + 70);
    expect(predictedFloatTime(graph)).toBe(CALL + 1000);
  });

  it("takes no ratio of what only moves codes", () => {
    expect(predictedTime({ units: [unit("mover", 600)], tensors: [], restTime: 0 }, COSTS)).toBe(CALL + 600);
  });

  it("converts a tensor once, however many read it", () => {
    const graph: CodeGraph = {
      units: [unit("conv", 0), unit("conv", 0), unit("conv", 0)],
      tensors: [tensor(100, 0, [1, 2])],
      restTime: 0,
    };
    expect(predictedTime(graph, COSTS)).toBe(3 * CALL);
    expect(predictedTime(graph, COSTS, new Set([0]))).toBe(4 * CALL + 1000);
    expect(predictedTime(graph, COSTS, new Set([1, 2]))).toBe(4 * CALL + 700);
    expect(predictedTime(graph, COSTS, new Set([0, 1, 2]))).toBe(3 * CALL);
  });
});

describe("cheapestInFloat", () => {
  it("leaves an operator in float whose gain does not repay its conversions, to the very multiply-add", () => {
    const breakEven = 2 * (2 * CALL + 100 * 10 + 200 * 7);
    expect(cheapestInFloat(alone(breakEven - 2), COSTS)).toEqual(new Set([0]));
    expect(cheapestInFloat(alone(breakEven), COSTS)).toEqual(new Set());
  });

  it("leaves a slow part of an island in float where that repays the conversions around it", () => {
    const middle = (work: number): CodeGraph => ({
      units: [unit("conv", 1e6), unit("depthwiseConv", work), unit("conv", 1e6)],
      tensors: [tensor(100, 0, [1]), tensor(100, 1, [2])],
      restTime: 0,
    });
    const conversions = 2 * CALL + 100 * 7 + 100 * 10;
    expect(cheapestInFloat(middle(conversions + 1), COSTS)).toEqual(new Set([1]));
    expect(cheapestInFloat(middle(conversions - 1), COSTS)).toEqual(new Set());
  });

  // The first unit gains more than all others lose together, and only at the weak link do codes cost less
  // than the rest loses.
  it("cuts a chain of 30,000 units where codes are cheap to leave", () => {
    const [count, weak] = [30_000, 29_900];
    const units = Array.from({ length: count }, (_, k) =>
      k === 0 ? unit("conv", 1e12) : unit("depthwiseConv", 1000),
    );
    const tensors = units.map((_, k) => tensor(k === weak ? 10 : 1e9, k === 0 ? undefined : k - 1, [k]));
    const inFloat = cheapestInFloat({ units, tensors, restTime: 0 }, COSTS);
    expect([inFloat.size, Math.min(...inFloat)]).toEqual([count - weak, weak]);
  });

  it("decides on whole islands where the cut would take too much work", () => {
    const slow = (first: number, work: number): Pick<CodeGraph, "units" | "tensors"> => ({
      units: [unit("conv", work), unit("depthwiseConv", 1e6)],
      tensors: [tensor(100, first, [first + 1])],
    });
    const [losing, gaining] = [slow(0, 1e6), slow(2, 3e6)];
    const graph: CodeGraph = {
      units: [...losing.units, ...gaining.units],
      tensors: [...losing.tensors, ...gaining.tensors],
      restTime: 0,
    };
    expect(cheapestInFloat(graph, COSTS)).toEqual(new Set([1, 3]));
    expect(cheapestInFloat(graph, COSTS, 1)).toEqual(new Set([0, 1]));
  });

  it("finds what is cheapest of all that could be left in float", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const draw = uniform(seed);
      const count = 2 + (seed % 7);
      const some = (): number[] => Array.from({ length: count }, (_, k) => k).filter(() => draw() < 0.3);
      const kinds = ["conv", "depthwiseConv", "requantizer", "mover"] as const;
      const graph: CodeGraph = {
        units: Array.from({ length: count }, () =>
          unit(kinds[Math.floor(4 * draw())]!, Math.round(40_000 * draw())),
        ),
        tensors: Array.from({ length: count + 2 }, (_, k) =>
          tensor(
            Math.round(500 * draw()),
            k < count ? k : undefined,
            some().filter((reader) => reader !== k),
            draw() < 0.3,
          ),
        ),
        restTime: 1000,
      };
      const times = Array.from({ length: 2 ** count }, (_, set) =>
        predictedTime(
          graph,
          COSTS,
          new Set(graph.units.flatMap((__, k) => (((set >> k) & 1) === 1 ? [k] : []))),
        ),
      );
      expect(predictedTime(graph, COSTS, cheapestInFloat(graph, COSTS))).toBeCloseTo(Math.min(...times), 6);
    }
  });
});

describe("islandTime", () => {
  it("is what an island adds to the time of the model, whatever of it is in float", () => {
    const graph: CodeGraph = {
      units: [unit("conv", 9000), unit("depthwiseConv", 3000), unit("conv", 500)],
      tensors: [
        tensor(100, undefined, [0]),
        tensor(50, 0, [1]),
        tensor(70, 1, [], true),
        tensor(30, undefined, [2]),
        tensor(20, 2, [], true),
      ],
      restTime: 5,
    };
    for (const inFloat of [[], [1], [0, 2], [0, 1, 2]].map((units) => new Set(units))) {
      const islands = islandsOf(graph).map((island) => islandTime(graph, island, COSTS, inFloat));
      expect(5 + islands[0]! + islands[1]!).toBe(predictedTime(graph, COSTS, inFloat));
    }
  });
});
