/** Packing takes longer than all else, so a run packs only what it is asked to, and that once. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll, expect, it, vi } from "vitest";
import { compress, type CompressResult } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { verify } from "../../src/compare/verify.js";
import { runPasses } from "../../src/run/run-plan.js";
import { networkOnDisk } from "./small-network.js";

vi.mock("../../src/run/run-plan.js", async (original) => {
  const real = await original<{ runPasses: typeof runPasses }>();
  return { ...real, runPasses: vi.fn(real.runPasses) };
});
vi.mock("node:zlib", async (original) => {
  const real = await original<typeof zlib>();
  return { ...real, gzip: vi.fn(real.gzip), createGzip: vi.fn(real.createGzip) };
});

const { folder, path } = networkOnDisk(3, 16);
const output = join(folder, "out.onnx");
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** How many models were packed, and how many plans were carried out. */
const counts = (): { packed: number; plans: number } => ({
  packed: vi.mocked(zlib.gzip).mock.calls.length + vi.mocked(zlib.createGzip).mock.calls.length,
  plans: vi.mocked(runPasses).mock.calls.length,
});

function run(options: CompressOptions): Promise<CompressResult> {
  vi.clearAllMocks();
  return compress(path, { ...options, output, force: true });
}

const packed = (file: string): number => zlib.gzipSync(readFileSync(file), { level: 9 }).byteLength;
const effect = ({ report }: CompressResult): string =>
  report.warnings.find(({ id }) => id === "compress/size-effect")?.message ?? "";

it.each([false, true])("packs nothing by itself, and runs one plan (verify: %s)", async (verified) => {
  const result = await run({ prune: 0.5, verify: verified });
  expect(counts()).toEqual({ packed: 0, plans: 1 });
  expect(result.report.size.compressed).toMatchObject({ gzip: null, brotli: null });
  expect(effect(result)).toMatch(/not measured\. Add "packedSizes"/);
});

it("measures packed sizes and what pruning did to them when asked", async () => {
  const result = await run({ prune: 0.5, packedSizes: true, verify: false });
  expect(result.report.size.original.gzip).toBe(packed(path));
  expect(result.report.size.compressed.gzip).toBe(packed(output));
  // Both files, and both again in memory: with the pass and without it.
  expect(counts()).toEqual({ packed: 4, plans: 2 });
  expect(effect(result)).toMatch(/raw and .* gzipped, compared with the same run without/);
});

it("packs a model that nothing changed once", async () => {
  const { report } = await run({ passes: "remove-dead", packedSizes: true, verify: false });
  expect(counts().packed).toBe(1);
  expect(report.size.compressed).toEqual(report.size.original);
  expect(report.size.compressed.gzip).toBe(packed(path));
});

it("verify packs when asked", async () => {
  const [without, asked] = [await verify(path, path), await verify(path, path, { packedSizes: true })];
  expect(without.size.compressed.gzip).toBeNull();
  expect(asked.size.compressed.gzip).toBe(packed(path));
});
