import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { jsonlSamples } from "../../src/data/readers/jsonl.js";
import { DataType, tensorValue } from "../../src/ir/index.js";
import { Random } from "../support/random.js";

let path: string;
beforeAll(() => {
  path = join(mkdtempSync(join(tmpdir(), "edgec-jsonl-")), "a.jsonl");
});
afterAll(() => rmSync(join(path, ".."), { recursive: true }));

const INPUTS = [tensorValue("x", DataType.FLOAT, ["n"])];

async function valuesOf(text: string | Uint8Array, longest?: number): Promise<number[][]> {
  writeFileSync(path, text);
  const found: number[][] = [];
  for await (const { feed } of jsonlSamples(path, INPUTS, longest))
    found.push(Array.from(feed.x?.data as Float32Array));
  return found;
}

// Node streams a file in pieces of 64 KiB: lines of all lengths about that, with pieces that end anywhere
// in them.
it("reads random lines as splitting the whole text does", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = new Random(seed);
    const samples = Array.from({ length: random.within(1, 6) }, () =>
      Array.from({ length: random.pick([1, 3, 20_000, 21_845, 65_536]) + random.below(3) }, () =>
        random.below(10),
      ),
    );
    const text = samples
      .map(
        (x) =>
          `${" ".repeat(random.below(4))}${JSON.stringify({ x, label: "ä€😀".repeat(random.below(3)) })}`,
      )
      .join(random.pick(["\n", "\r\n", "\n\n\n"]));
    expect(await valuesOf(text + random.pick(["", "\n"]))).toEqual(samples);
  }
});

it("looks at each piece of a long line once", async () => {
  // 8 MB in one line: with the pieces so far looked at again for each new one, that would be half a gigabyte.
  const count = 4_000_000;
  const text = Buffer.alloc(2 * count + 6, "1,");
  text.write('{"x":[');
  text.write("1]}", 2 * count + 3);
  const split = vi.spyOn(String.prototype, "split");
  const [values = []] = await valuesOf(text);
  const looked = split.mock.contexts.reduce((sum: number, part) => sum + String(part).length, 0);
  split.mockRestore();
  expect(values.length).toBe(count - 1);
  expect(looked).toBeLessThan(1.01 * text.length);
});

it("refuses a line beyond the limit before it has read it, and names it", async () => {
  const line = JSON.stringify({ x: Array<number>(500).fill(1) });
  expect(await valuesOf(`${line}\n${line}`, line.length)).toHaveLength(2);
  await expect(valuesOf(`{"x": [1]}\n\n${line}\n`, line.length - 1)).rejects.toMatchObject({
    code: "BAD_DATA",
    message:
      `${path}:3: the line is longer than ${line.length - 1} characters. Put one sample on ` +
      "each line, or give large samples as .npz.",
  });
});
