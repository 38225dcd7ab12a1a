/** That of a small constant's ways to be stored only those are built that can win, which sizes tell before. */
import { describe, expect, it } from "vitest";
import { skipForms } from "../../../src/passes/encode/skip-forms.js";
import { gapForm } from "../../../src/passes/encode/forms/gaps.js";
import { maskForm } from "../../../src/passes/encode/forms/mask.js";
import { candidateOf } from "../../../src/passes/encode/storage-forms.js";
import type { Candidate } from "../../../src/passes/encode/chain-parts.js";
import type { Draft } from "../../../src/passes/encode/decoder-builder.js";
import { floatTensor } from "../../../src/ir/index.js";
import { mulberry32 } from "../../../src/numeric/mulberry32.js";

/** Weights of which a share is zero, the others of a few values or each of its own. */
function candidate(count: number, zeros: number, values: number, seed: number): Candidate {
  const random = mulberry32(seed);
  const data = Float32Array.from({ length: count }, () =>
    random() < zeros ? 0 : values === 0 ? random() : 1 + Math.floor(random() * values),
  );
  const found = candidateOf(floatTensor("w", [count], data), 17);
  if (!found) throw new Error("floats have forms");
  return found;
}

/** The operators of a chain. */
function chainOf({ nodes }: Draft): string {
  return nodes
    .map(
      ({ opType, attributes }) => `${opType} ${attributes.map(({ name, i }) => `${name}${i ?? ""}`).join()}`,
    )
    .join("; ");
}

function constantBytes({ ownBytes, sharedBytes }: Draft): number {
  return sharedBytes.reduce((sum, [, bytes]) => sum + bytes, ownBytes);
}

/** The least of each chain. */
function leastOf(drafts: readonly Draft[]): Map<string, number> {
  const least = new Map<string, number>();
  for (const draft of drafts) {
    const chain = chainOf(draft);
    least.set(chain, Math.min(least.get(chain) ?? Infinity, constantBytes(draft)));
  }
  return least;
}

const FORMS = [skipForms, (own: Candidate) => gapForm.drafts(own), (own: Candidate) => maskForm.drafts(own)];

const CASES = [0.5, 0.8, 0.95].flatMap((zeros) =>
  [0, 4, 16].flatMap((values) => [256, 1000].map((count) => [count, zeros, values] as const)),
);

describe("drafts of small constants", () => {
  it.each(CASES)("are few, one for each chain (%i weights, %f zero, %i values)", (count, zeros, values) => {
    const own = candidate(count, zeros, values, count);
    const drafts = [...skipForms(own), ...gapForm.drafts(own), ...maskForm.drafts(own)];
    expect(drafts.length).toBeGreaterThan(0);
    expect(drafts.length).toBeLessThan(80);
  });

  it.each(CASES)("are the least of all (%i weights, %f zero, %i values)", (count, zeros, values) => {
    const own = candidate(count, zeros, values, count);
    // Of a constant for which loading counts, all are made.
    const large = { ...own, tensor: { ...own.tensor, dims: [2 ** 14] } };
    for (const drafts of FORMS) {
      const made = leastOf(drafts(own));
      const all = leastOf(drafts(large));
      expect([...made.keys()].sort()).toEqual([...all.keys()].sort());
      // Numbers and columns that happen to be equal are one constant, which is not foreseen.
      for (const [chain, bytes] of all) expect(made.get(chain)! - bytes).toBeLessThanOrEqual(80);
    }
  });
});
