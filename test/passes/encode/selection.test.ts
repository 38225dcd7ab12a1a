import { describe, expect, it } from "vitest";
import { floatTensor } from "../../../src/ir/index.js";
import { callOf, shapeOf } from "../../../src/passes/encode/chain-functions.js";
import { FormOptions, type Choice } from "../../../src/passes/encode/form-options.js";
import { selectForms } from "../../../src/passes/encode/selection.js";
import { FormSource } from "../../../src/passes/encode/form-source.js";
import { nodeWireSize } from "../../../src/passes/encode/wire-size.js";
import { prunedValues } from "./tiny-models.js";

const tensor = (seed: number, size = 40, sparsity = 0.8, name = "w") =>
  floatTensor(name, [size, size], prunedValues(size * size, sparsity, 15, seed));

/** Constants of one model, each of them pruned at random. */
function choices(seeds: readonly number[], limitBytes = Infinity, size = 40): Choice[] {
  const options = new FormOptions();
  return seeds.map((seed) => ({
    denseBytes: 4 * size * size + 15,
    limitBytes,
    options: options.of(new FormSource(tensor(seed, size), 17, undefined).drafts(), 0),
  }));
}

describe("selectForms", () => {
  it("takes the smallest of all forms for a single constant", async () => {
    const drafts = new FormSource(tensor(1), 17, undefined).drafts();
    const smallest = Math.min(...drafts.map((draft) => draft.bytes));
    const { picks, functions, bytes } = await selectForms(choices([1]), 17, "e");
    expect(functions.size).toBe(0);
    expect(drafts[picks[0]!.index]?.bytes).toBe(smallest);
    expect(bytes).toBe(smallest);
  });

  it("stays dense where no form is below the limit", async () => {
    const { picks, bytes } = await selectForms(choices([1], 100), 17, "e");
    expect(picks).toEqual([undefined]);
    expect(bytes).toBe(6415);
  });

  it("opens functions only when the whole gets smaller", async () => {
    const many = choices([1, 2, 3, 4, 5, 6]);
    const without = await selectForms(many, 17, undefined);
    const withThem = await selectForms(many, 17, "e");
    expect(without.functions.size).toBe(0);
    expect(withThem.functions.size).toBe(1);
    expect(withThem.bytes).toBeLessThan(without.bytes);
  });

  it("tries few functions in full where constants are many, and finds as small a file", async () => {
    const trials = async (few: number, copies: number): Promise<{ tried: number; bytes: number }> => {
      const seeds = Array.from({ length: few }, (_, k) => k + 1);
      // Equal constants in equal numbers: the best choice for all is the best for each.
      const some = choices(seeds, Infinity, 16);
      const many = Array.from({ length: copies }, () => some).flat();
      let tried = 0;
      const { bytes } = await selectForms(many, 17, "e", () => {
        tried++;
        return Promise.resolve();
      });
      return { tried, bytes };
    };
    const once = await trials(40, 1);
    const often = await trials(40, 50);
    expect(often.tried).toBeLessThan(once.tried / 4);
    expect(often.bytes).toBeLessThan(50 * once.bytes);
  });
});

describe("FormOptions", () => {
  it("has the sizes of the drafts' own nodes and calls, and one structure for chains of one shape", () => {
    const options = new FormOptions();
    const keys = new Map<unknown, string>();
    const structures = new Map<string, unknown>();
    for (const [k, name] of ["w", "a longer name", "ü".repeat(70), "?1"].entries()) {
      const drafts = new FormSource(tensor(k + 1, 24, 0.6, name), 17, undefined).drafts();
      for (const { index, chain, inlineBytes, callBytes } of options.of(drafts, 0)) {
        const { nodes, ownBytes } = drafts[index]!;
        expect(inlineBytes).toBe(nodes.reduce((sum, node) => sum + nodeWireSize(node), ownBytes));
        expect(callBytes).toBe(ownBytes + nodeWireSize(callOf({ name: "A", domain: "e" }, nodes)));
        const { key } = shapeOf(nodes);
        expect(keys.get(chain) ?? key).toBe(key);
        expect(structures.get(key) ?? chain).toBe(chain);
        keys.set(chain, key);
        structures.set(key, chain);
      }
    }
    expect(keys.size).toBeGreaterThan(10);
  });
});
