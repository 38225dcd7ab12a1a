/**
 * What edgec writes compactly it takes for what it is: run on its own output it changes nothing, or
 * improves it.
 */
import { expect, it } from "vitest";
import type { Feed } from "../../src/ir/index.js";
import { decodeModel } from "../../src/onnx/index.js";
import { compress, optimize, type CompressOptions } from "../../src/index.js";
import { randomFeeds } from "../../src/verify/index.js";
import { fixture } from "../support/run-edgec.js";
import { difference, run } from "../support/running.js";
import { sampled } from "../support/thorough.js";

type Form = readonly [name: string, options: CompressOptions];

const FORMS: readonly Form[] = [
  ["as it is", {}],
  ["int8 with a scale", { storage: "int8" }],
  ["gaps and tables", { prune: 0.6, cluster: 16 }],
  ["masks and gaps of plain values", { prune: 0.5 }],
  ["tables, without functions", { cluster: 32, minOrt: "1.16" }],
  ["one bit and a table", { cluster: 2 }],
  ["int8 arithmetic", { int8: true, effort: "fast" }],
  ["codes of four bits", { int8: true, weightBits: 4, effort: "fast" }],
  ["pruned int8 codes", { prune: 0.8, int8: true, effort: "fast" }],
];
const MODELS: readonly [name: string, forms: readonly Form[]][] = [
  ["lenet", FORMS],
  ["rnn", FORMS],
  ["mbv2", FORMS.slice(1, 2)],
  ["resnet", FORMS.slice(1, 2)],
  ["vit", FORMS.slice(1, 2)],
];
const CASES = MODELS.flatMap(([model, forms]) => forms.map((form) => [model, ...form] as const));

const bare = { verify: false, packedSizes: false } as const;
const COMMANDS: readonly ((bytes: Uint8Array) => Promise<Uint8Array>)[] = [
  async (bytes) => (await compress(bytes, bare)).bytes(),
  async (bytes) => (await optimize(bytes, bare)).bytes(),
];

async function feedOf(bytes: Uint8Array): Promise<Feed> {
  for await (const { feed } of randomFeeds(decodeModel(bytes).graph.inputs, { samples: 1 }).samples())
    return feed;
  throw new Error("no sample");
}

it("prunes weights that came as int8 and keeps them int8, so that the file shrinks", async () => {
  const stored = (await compress(fixture("models/lenet.onnx"), { storage: "int8", ...bare })).bytes();
  const pruned = await compress(stored, { prune: 0.5, ...bare });
  const { report } = pruned;
  expect(report.unchanged).toBeUndefined();
  expect(pruned.bytes().byteLength).toBeLessThan(stored.byteLength);
  const changed = report.nodes.filter(({ pass, status }) => pass === "store-int8" && status === "changed");
  expect(changed.length).toBeGreaterThan(1);
  // Zeros and the other codes lie on the scale that the file had: nothing is rounded a second time.
  for (const { reason } of changed)
    expect(Number(/, ([\d.]+|Infinity) dB$/.exec(reason)?.[1])).toBeGreaterThan(100);
});

// A sample has every form, of one network or the other.
it.each(sampled(CASES, 2))(
  "%s, %s: a second run is no larger and computes the same, a third changes nothing",
  async (name, _, options) => {
    const first = (await compress(fixture(`models/${name}.onnx`), { ...options, ...bare })).bytes();
    const feed = await feedOf(first);
    const expected = await run(decodeModel(first), feed, "basic");
    for (const command of COMMANDS) {
      const second = await command(first);
      expect(second.byteLength).toBeLessThanOrEqual(first.byteLength);
      // The same kernels on the same constants; fusions that `optimize` adds round otherwise.
      expect(difference(expected, await run(decodeModel(second), feed, "basic"))).toBeLessThan(1e-4);
      expect(Buffer.compare(await command(second), second)).toBe(0);
    }
  },
);
