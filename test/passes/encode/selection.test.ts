import { describe, expect, it } from "vitest";
import { floatTensor } from "../../../src/ir/index.js";
import { optionsOf, selectForms } from "../../../src/passes/encode/selection.js";
import type { Choice } from "../../../src/passes/encode/selection.js";
import { allForms } from "../../../src/passes/encode/storage-forms.js";
import { prunedValues } from "./tiny-models.js";

const choice = (sparsity: number, seed: number, limitBytes = Infinity): Choice => ({
  denseBytes: 6415, limitBytes, graph: 0, options: optionsOf(allForms(floatTensor("w", [40, 40], prunedValues(1600, sparsity, 15, seed)), 17)),
});

describe("selectForms", () => {
  it("takes the smallest of all forms for a single constant", async () => {
    const tensor = floatTensor("w", [40, 40], prunedValues(1600, 0.8, 15));
    const smallest = Math.min(...allForms(tensor, 17).map((draft) => draft.bytes));
    const single = choice(0.8, 1);
    const { picks, functions, bytes } = await selectForms([single], 17, "e");
    expect(functions.size).toBe(0);
    expect(picks[0]?.draft.bytes).toBe(smallest);
    expect(bytes).toBe(smallest);
  });

  it("stays dense where no form is below the limit", async () => {
    const { picks, bytes } = await selectForms([choice(0.8, 1, 100)], 17, "e");
    expect(picks).toEqual([undefined]);
    expect(bytes).toBe(6415);
  });

  it("opens functions only when the whole gets smaller", async () => {
    const many = [1, 2, 3, 4, 5, 6].map((seed) => choice(0.8, seed));
    const without = await selectForms(many, 17, undefined);
    const withThem = await selectForms(many, 17, "e");
    expect(without.functions.size).toBe(0);
    expect(withThem.functions.size).toBe(1);
    expect(withThem.bytes).toBeLessThan(without.bytes);
  });
});
