import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset, type Dataset, type OpenOptions, type Sample } from "../../src/data/index.js";
import { DataType, tensorValue, type Dimension, type ValueInfo } from "../../src/ir/index.js";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgec-data-"));
});
afterAll(() => rm(folder, { recursive: true }));

const float = (name: string, ...shape: Dimension[]): ValueInfo => tensorValue(name, DataType.FLOAT, shape);
const f4 = (shape: readonly number[], values?: readonly number[]): Uint8Array => {
  const count = shape.reduce((a, b) => a * b, 1);
  return npyBytes(
    "<f4",
    shape,
    Float32Array.from({ length: count }, (_, i) => values?.[i] ?? i),
  );
};

async function open(
  name: string,
  content: Uint8Array | string,
  inputs: ValueInfo[],
  options?: OpenOptions,
): Promise<Dataset> {
  await writeFile(join(folder, name), content);
  return openDataset(join(folder, name), inputs, options);
}

async function all(dataset: Dataset): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const sample of dataset.samples()) samples.push(sample);
  return samples;
}

describe("arrays", () => {
  it.each([0, 6] as const)(
    "cuts a batch along axis 0 and keeps a batch of one (zip level %i)",
    async (level) => {
      const dataset = await open(
        "a.npz",
        npzBytes({ x: f4([2, 3]), labels: npyBytes("<i8", [2], BigInt64Array.of(7n, 4n)) }, level),
        [float("x", "n", 3)],
      );
      expect(dataset).toMatchObject({ size: 2, hasLabels: true });
      expect(await all(dataset)).toEqual([
        { feed: { x: { dataType: DataType.FLOAT, dims: [1, 3], data: Float32Array.of(0, 1, 2) } }, label: 7 },
        { feed: { x: { dataType: DataType.FLOAT, dims: [1, 3], data: Float32Array.of(3, 4, 5) } }, label: 4 },
      ]);
    },
  );

  it("takes an array of one rank more as a stack of feeds", async () => {
    const [, second] = await all(await open("a.npy", f4([2, 1, 3]), [float("x", 1, 3)]));
    expect(second?.feed.x).toMatchObject({ dims: [1, 3], data: Float32Array.of(3, 4, 5) });
  });

  it("gives samples of the model's fixed batch size", async () => {
    const labels = npyBytes("|u1", [4], Uint8Array.of(1, 2, 3, 4));
    const samples = await all(await open("a.npz", npzBytes({ x: f4([4, 1]), labels }), [float("x", 2, 1)]));
    expect(samples.map((s) => [s.feed.x?.dims, s.label])).toEqual([
      [
        [2, 1],
        [1, 2],
      ],
      [
        [2, 1],
        [3, 4],
      ],
    ]);
  });

  it("shares a one-sample array among all samples", async () => {
    const samples = await all(
      await open("a.npz", npzBytes({ x: f4([2, 1]), scale: f4([3], [7, 8, 9]) }), [
        float("x", "n", 1),
        float("scale", 3),
      ]),
    );
    expect(samples.map((s) => s.feed.scale?.data)).toEqual([
      Float32Array.of(7, 8, 9),
      Float32Array.of(7, 8, 9),
    ]);
  });

  it("hands out views, not copies", async () => {
    const [first, second] = await all(await open("a.npy", f4([2, 3]), [float("x", "n", 3)]));
    expect((first?.feed.x?.data as Float32Array).buffer).toBe((second?.feed.x?.data as Float32Array).buffer);
  });

  it("narrows float64 and fits integers to the declared type", async () => {
    const ids = tensorValue("ids", DataType.INT64, ["n"]);
    const arrays = {
      x: npyBytes("<f8", [1, 1], Float64Array.of(0.1)),
      ids: npyBytes("<i4", [1], Int32Array.of(-5)),
    };
    const [sample] = await all(await open("a.npz", npzBytes(arrays), [float("x", "n", 1), ids]));
    expect(sample?.feed.x?.data).toEqual(Float32Array.of(0.1));
    expect(sample?.feed.ids?.data).toEqual(BigInt64Array.of(-5n));
  });

  it("honours the limit", async () => {
    const dataset = await open("a.npy", f4([5, 1]), [float("x", "n", 1)], { limit: 2 });
    expect([dataset.size, (await all(dataset)).length]).toEqual([2, 2]);
  });

  it("reads real digits", async () => {
    const dataset = await openDataset(
      "fixtures/digits/digits-gray28-eval.npz",
      [float("input", "n", 1, 28, 28)],
      { limit: 3 },
    );
    expect((await all(dataset)).map((s) => s.feed.input?.dims)).toEqual([
      [1, 1, 28, 28],
      [1, 1, 28, 28],
      [1, 1, 28, 28],
    ]);
    expect(dataset.hasLabels).toBe(true);
  });

  const x = [float("x", "n", 3)];
  it.each([
    [
      "a wrong name",
      npzBytes({ xs: f4([1, 3]) }),
      x,
      /there is no array "x".*float \[n, 3\].*The file has xs\. Did you mean "xs"\?/,
    ],
    [
      "a wrong shape",
      npzBytes({ x: f4([2, 4]) }),
      x,
      /array "x", sample 0: float \[1, 4\] does not fit input "x", which expects float \[n, 3\]: axis 1 is 4 where 3 is expected/,
    ],
    [
      "a wrong rank",
      npzBytes({ x: f4([6]) }),
      x,
      /array "x" of shape \[6\] has 1 axes; input "x" expects float \[n, 3\], so 2 axes \(a batch\) or 3 axes/,
    ],
    [
      "an unsafe type",
      npzBytes({ x: npyBytes("|u1", [1, 3], new Uint8Array(3)) }),
      x,
      /uint8 \[1, 3\] does not fit.*astype\("float32"\)/,
    ],
    ["no samples", npzBytes({ x: f4([0, 3]) }), x, /shape \[0, 3\] is empty/],
    ["NaN", npzBytes({ x: f4([1, 3], [1, NaN, 3]) }), x, /sample 0: input "x" holds NaN at flat index 1/],
    [
      "too large a number",
      npzBytes({ x: npyBytes("<f8", [1, 3], Float64Array.of(0, 1e39, 0)) }),
      x,
      /1e\+39 at index 1 is out of range/,
    ],
    [
      "labels that do not count up",
      npzBytes({ x: f4([2, 3]), labels: f4([3]) }),
      x,
      /array "labels" holds 3 labels, but .* holds 2 samples/,
    ],
    [
      "inputs that do not count up",
      npzBytes({ x: f4([2, 3]), y: f4([3, 3]) }),
      [...x, float("y", "n", 3)],
      /array "x" holds 2 samples but "y" holds 3/,
    ],
    ["a file that is no zip", new Uint8Array(100), x, /not a readable \.npz/],
  ])("refuses %s", async (_, content, inputs, message) => {
    await expect(open("bad.npz", content, inputs)).rejects.toThrow(message);
    await expect(open("bad.npz", content, inputs)).rejects.toMatchObject({ code: "BAD_DATA" });
  });

  it("refuses an array that claims more than its bytes can hold, before making room for it", async () => {
    const bytes = npzBytes({ x: f4([1, 3]) });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const directory = view.getUint32(bytes.length - 6, true);
    view.setUint32(directory + 20, 4_000_000_000, true);
    view.setUint32(directory + 24, 4_000_000_000, true);
    await expect(open("bomb.npz", bytes, [float("x", "n", 3)])).rejects.toThrow(
      /claims 4000000000 bytes from \d+ compressed ones\. The file is damaged/,
    );
  });

  it("names the sample whose turn it was", async () => {
    const dataset = await open("a.npy", f4([2, 1], [1, Infinity]), [float("x", "n", 1)]);
    await expect(all(dataset)).rejects.toThrow(/sample 1: input "x" holds Infinity/);
  });

  it("refuses an integer out of range", async () => {
    const bytes = npyBytes("<i4", [2, 1], Int32Array.of(1, 300));
    const dataset = await open("a.npy", bytes, [tensorValue("x", DataType.UINT8, ["n", 1])]);
    await expect(all(dataset)).rejects.toThrow(/sample 1.*300 at index 0 is out of the range of uint8/);
  });
});

describe("labels of their own file", () => {
  it.each([
    ["l.json", `["cat", 2]`, ["cat", 2]],
    ["l.txt", "cat\n2\n", ["cat", 2]],
    ["l.npy", npyBytes("<i8", [2], BigInt64Array.of(5n, 6n)), [5, 6]],
  ])("reads %s", async (name, content, labels) => {
    await writeFile(join(folder, name), content);
    const samples = await all(
      await open("a.npy", f4([2, 1]), [float("x", "n", 1)], { labels: join(folder, name) }),
    );
    expect(samples.map((s) => s.label)).toEqual(labels);
  });

  it("notices when they run out", async () => {
    await writeFile(join(folder, "one.txt"), "1\n");
    const dataset = await open("a.jsonl", `{"x": [1]}\n{"x": [2]}\n`, [float("x", "n")], {
      labels: join(folder, "one.txt"),
    });
    await expect(all(dataset)).rejects.toThrow(/sample 1: .*one\.txt holds only 1 labels/);
  });
});

describe("json lines", () => {
  it("reads nested arrays of any length, a missing batch axis and labels", async () => {
    const ids = tensorValue("ids", DataType.INT64, ["batch", "length"]);
    const dataset = await open(
      "a.jsonl",
      `{"ids": [[1, 2, 3]], "label": "a"}\n\n{"ids": [4], "label": "b"}\n`,
      [ids],
    );
    expect(await all(dataset)).toEqual([
      {
        feed: { ids: { dataType: DataType.INT64, dims: [1, 3], data: BigInt64Array.of(1n, 2n, 3n) } },
        label: "a",
      },
      { feed: { ids: { dataType: DataType.INT64, dims: [1, 1], data: BigInt64Array.of(4n) } }, label: "b" },
    ]);
  });

  it("reads strings and booleans", async () => {
    const inputs = [tensorValue("s", DataType.STRING, ["n"]), tensorValue("b", DataType.BOOL, ["n"])];
    const [sample] = await all(await open("a.jsonl", `{"s": ["hi"], "b": [true, false]}`, inputs));
    expect(sample?.feed.s?.data).toEqual(["hi"]);
    expect(sample?.feed.b?.data).toEqual(Uint8Array.of(1, 0));
  });

  it.each([
    ["broken JSON", `{"x": [[1, 2]]}\n{"x": `, /a\.jsonl:2: not valid JSON/],
    [
      "ragged arrays",
      `{"x": [[1, 2], [3]]}`,
      /a\.jsonl:1: input "x" is not a regular array of numbers \(found an array of 1 where an array of 2/,
    ],
    ["a mistyped name", `{"X1": [1]}`, /a\.jsonl:1: the model has no input "X1"\. Did you mean "x"\?/],
    ["a missing input", `{}`, /a\.jsonl:1: input "x" \(float \[n, 2\]\) is missing/],
    ["text for numbers", `{"x": [["a", "b"]]}`, /"a" is not a number/],
    ["nothing", "", /holds no samples/],
  ])("refuses %s", async (_, content, message) => {
    await expect(open("a.jsonl", content, [float("x", "n", 2)]).then(all)).rejects.toThrow(message);
  });
});

describe("a user's module", () => {
  it("takes generators of feeds in every form, and starts anew each time", async () => {
    const source = `export default async function* () {
      yield { x: [[1, 2]] };
      yield { x: Float32Array.of(3, 4) };
      yield { feed: { x: { dims: [2, 2], data: [5, 6, 7, 8] } } };
    }`;
    const dataset = await open("forms.mjs", source, [float("x", "n", 2)]);
    const dims = (samples: Sample[]): unknown => samples.map((s) => s.feed.x?.dims);
    expect(dims(await all(dataset))).toEqual([
      [1, 2],
      [1, 2],
      [2, 2],
    ]);
    expect(dims(await all(dataset))).toEqual([
      [1, 2],
      [1, 2],
      [2, 2],
    ]);
  });

  it("takes an array with labels", async () => {
    const dataset = await open("labels.mjs", `export default [{ feed: { x: [1] }, label: 3 }];`, [
      float("x", "n"),
    ]);
    expect((await all(dataset))[0]?.label).toBe(3);
  });

  it.each([
    [
      "once.mjs",
      `export default (function* () { yield { x: [1] }; })()`,
      /can be read only once. Export the generator function itself/,
    ],
    ["none.mjs", `export const a = 1;`, /export default a generator function/],
    [
      "throws.mjs",
      `export default function* () { throw new Error("no disk"); }`,
      /the module failed at sample 0: no disk/,
    ],
    ["syntax.mjs", `export default [`, /the module cannot be loaded/],
    [
      "shape.mjs",
      `export default [{ x: new Float32Array(3) }]`,
      /3 values, which do not determine the shape float \[n, 2\]/,
    ],
  ])("refuses %s", async (name, source, message) => {
    await expect(open(name, source, [float("x", "n", 2)])).rejects.toThrow(message);
  });
});

it("says which forms exist when it knows none of them", async () => {
  await expect(open("a.csv", "1,2", [float("x", 1)])).rejects.toThrow(/unknown data format. Give \.npz/);
  await expect(openDataset(join(folder, "absent.npz"), [float("x", 1)])).rejects.toMatchObject({
    code: "CANNOT_READ",
  });
});
