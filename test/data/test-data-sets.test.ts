import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDataset } from "../../src/data/index.js";
import { DataType, tensorValue } from "../../src/ir/index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgec-sets-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** TensorProto bytes of float [1, n] in raw_data: dims, data_type, name, raw_data. */
function tensorProto(name: string, ...values: number[]): Uint8Array {
  const raw = new Uint8Array(Float32Array.from(values).buffer);
  return Uint8Array.of(
    0x08,
    1,
    0x08,
    values.length,
    0x10,
    1,
    0x42,
    name.length,
    ...Buffer.from(name),
    0x4a,
    raw.length,
    ...raw,
  );
}

async function put(set: number, file: string, bytes: Uint8Array): Promise<void> {
  const directory = join(folder, `test_data_set_${set}`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, file), bytes);
}

const inputs = ["a", "b"].map((name) => tensorValue(name, DataType.FLOAT, ["n", 2]));

it("reads sets in numeric order, tensors by name or else by number", async () => {
  await put(10, "input_0.pb", tensorProto("", 5, 6));
  await put(10, "input_1.pb", tensorProto("", 7, 8));
  await put(9, "input_0.pb", tensorProto("b", 1, 2));
  await put(9, "input_1.pb", tensorProto("a", 3, 4));
  await put(9, "output_0.pb", tensorProto("y", 0));
  const dataset = await openDataset(folder, inputs);
  expect(dataset).toMatchObject({ size: 2, hasLabels: false });
  const values: unknown[] = [];
  for await (const { feed } of dataset.samples())
    values.push([...(feed.a?.data as Float32Array), ...(feed.b?.data as Float32Array)]);
  expect(values).toEqual([
    [3, 4, 1, 2],
    [5, 6, 7, 8],
  ]);
});

it("takes one set by itself, and says what is wrong in it", async () => {
  await put(11, "input_0.pb", tensorProto("a", 1, 2));
  await expect(openDataset(join(folder, "test_data_set_11"), inputs)).rejects.toThrow(
    /test_data_set_11: there is no input_N\.pb for input "b" \(float \[n, 2\]\)/,
  );
  await put(11, "input_1.pb", tensorProto("b", 1, 2, 3));
  await expect(openDataset(join(folder, "test_data_set_11"), inputs)).rejects.toThrow(
    /input_1\.pb: float \[1, 3\] does not fit input "b"/,
  );
  await put(11, "input_1.pb", Uint8Array.of(0x4a, 200, 1));
  await expect(openDataset(join(folder, "test_data_set_11"), inputs)).rejects.toThrow(
    /input_1\.pb: not a readable TensorProto/,
  );
});
