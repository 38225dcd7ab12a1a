import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/data/index.js";
import { DataType, type Feed, floatTensor, makeNode, fedInputs } from "../../src/ir/index.js";
import { readModel, writeModel } from "../../src/onnx/index.js";
import { checkCalibration } from "../../src/compress/calibration-check.js";
import { openData } from "../../src/compare/run-data.js";
import { dataset, feed } from "../support/feed-models.js";
import { fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { Random } from "../support/random.js";
import { sampled } from "../support/thorough.js";

const temporary = temporaryFolder();
const DIMS = [1, 3, 8, 8];
const SIZE = 192;

async function ids(calibration: Dataset, evaluation?: Dataset, modelPath?: string): Promise<string[]> {
  return (await checkCalibration({ calibration, evaluation, comparedOnItself: !evaluation, modelPath })).map(
    ({ id }) => id.replace("calibration/", ""),
  );
}

/** Data of a random kind: skewed or even, narrow or wide, off zero or not. */
function drawer(random: Random): () => number[] {
  const [scale, offset, power] = [
    10 ** (random.below(5) - 2),
    random.below(3) - 1,
    random.pick([1, 1, 3, 8]),
  ];
  return () => Array.from({ length: SIZE }, () => scale * ((random.below(1e6) / 1e6) ** power + offset));
}

const many = (count: number, values: () => ArrayLike<number>): Dataset =>
  dataset(Array.from({ length: count }, () => feed(DIMS, values())));

describe("calibration data of every ordinary kind", () => {
  it("is not warned of, alone or beside evaluation data of its kind", async () => {
    const random = new Random(11);
    for (let k = 0; k < 60; k++) {
      const draw = drawer(random);
      expect(
        await ids(
          many(random.within(2, 40), draw),
          random.chance(0.5) ? many(random.within(1, 40), draw) : undefined,
        ),
      ).toEqual([]);
    }
  });

  it("may have masks and factors that are constant, and be one sample", async () => {
    const random = new Random(12);
    const image = (): Feed => ({
      ...feed(DIMS, random.floats(SIZE, 1)),
      mask: { dataType: DataType.FLOAT, dims: [1, 1, 8, 8], data: new Float32Array(64) },
      size: { dataType: DataType.FLOAT, dims: [1, 2], data: Float32Array.of(8, 8) },
    });
    expect(await ids(dataset([image(), image()]))).toEqual([]);
    const tokens = (): Feed => ({
      ids: {
        dataType: DataType.INT64,
        dims: [1, 4],
        data: BigInt64Array.from({ length: 4 }, () => BigInt(random.below(99))),
      },
      types: { dataType: DataType.INT64, dims: [1, 4], data: new BigInt64Array(4) },
    });
    expect(await ids(dataset([tokens(), tokens()]))).toEqual([]);
    expect(await ids(many(1, () => random.floats(SIZE, 1)))).toEqual([]);
  });
});

describe("calibration data that cannot be meant", () => {
  it("is one value throughout", async () => {
    const random = new Random(13);
    for (let k = 0; k < 20; k++) {
      const value = random.pick([0, 1, -3.5, 255]);
      expect(await ids(many(random.within(1, 50), () => new Float32Array(SIZE).fill(value)))).toEqual([
        "constant",
      ]);
    }
    const zeros = {
      ids: { dataType: DataType.INT64, dims: [1, 4], data: new BigInt64Array(4) },
      types: { dataType: DataType.INT64, dims: [1, 4], data: new BigInt64Array(4) },
    };
    expect(await ids(dataset([zeros, zeros]))).toEqual(["constant"]);
    const half = { x: { dataType: DataType.FLOAT16, dims: DIMS, data: new Uint16Array(SIZE) } };
    expect(await ids(dataset([half]))).toEqual(["constant"]);
  });

  it("is one sample again and again", async () => {
    const sample = new Random(14).floats(SIZE, 1);
    expect(await ids(many(9, () => sample))).toEqual(["equal-samples"]);
    expect(
      await ids(
        dataset([
          ...Array.from({ length: 9 }, () => feed(DIMS, sample)),
          feed(
            DIMS,
            sample.map((value) => -value),
          ),
        ]),
      ),
    ).toEqual([]);
  });

  it("lies elsewhere than the evaluation data", async () => {
    const random = new Random(15);
    for (let k = 0; k < 30; k++) {
      const draw = drawer(random);
      const off = random.pick<(value: number) => number>([
        (value) => 255 * value,
        (value) => value / 255,
        (value) => (value / 255 - 0.5) / 0.2,
      ]);
      const plain = many(20, draw);
      const other = many(20, () => draw().map(off));
      const found = [await ids(plain, other), await ids(other, plain)].flat();
      expect(found).toContain("unlike-evaluation");
      expect(new Set(found)).toEqual(new Set(["unlike-evaluation"]));
    }
  });

  it("has no room for many of the evaluation data's values, however alike their spread", async () => {
    const random = new Random(18);
    const shares = (): number[] => Array.from({ length: SIZE }, () => random.below(1e6) / 1e6);
    expect(
      await ids(
        many(20, shares),
        many(20, () => shares().map((value) => (value - 0.45) / 0.23)),
      ),
    ).toEqual(["unlike-evaluation"]);
  });

  it("holds NaN, which is an error that names the sample", async () => {
    const broken = new Random(16).floats(SIZE, 1);
    broken[5] = NaN;
    await expect(
      ids(dataset([feed(DIMS, new Random(17).floats(SIZE, 1)), feed(DIMS, broken)])),
    ).rejects.toThrow('test data: sample 1: input "x" holds NaN at flat index 5');
  });

  it("says that a comparison on its own samples means little, where there is one", async () => {
    const zeros = many(4, () => new Float32Array(SIZE));
    const message = async (comparedOnItself: boolean, evaluation?: Dataset): Promise<string> =>
      (await checkCalibration({ calibration: zeros, evaluation, comparedOnItself, modelPath: undefined }))[0]!
        .message;
    expect(await message(true)).toContain('means little: give separate data with "eval"');
    expect(await message(false)).not.toContain("comparison");
    expect(
      await message(
        false,
        many(4, () => new Random(1).floats(SIZE, 1)),
      ),
    ).not.toContain("means little");
  });
});

describe("the scale of the inputs", () => {
  const scaled = (data: Dataset, factor: number): Dataset => ({
    ...data,
    async *samples() {
      for await (const { feed: values } of data.samples()) {
        yield {
          feed: Object.fromEntries(
            Object.entries(values).map(([name, value]) => [
              name,
              { ...value, data: (value.data as Float32Array).map((x) => factor * x) },
            ]),
          ),
        };
      }
    },
  });

  const MODELS = [
    ["lenet", "rgb32"],
    ["mbv2", "rgb32"],
    ["resnet", "rgb32"],
    ["rnn", "gray28"],
    ["vit", "gray28"],
  ] as const;
  it.each(sampled(MODELS, 3))(
    "of %s is told from one that is 255 times too large or too small",
    async (name, digits) => {
      const path = fixture(`models/${name}.onnx`);
      const data = (await openData(
        "--calib",
        fixture(`digits/digits-${digits}-calib.npz`),
        fedInputs(readModel(path)),
      ))!;
      expect(await ids(data, undefined, path)).toEqual([]);
      expect(await ids(scaled(data, 255), undefined, path)).toEqual(["scale"]);
      expect(await ids(scaled(data, 1 / 255), undefined, path)).toEqual(["scale"]);
    },
    120_000,
  );

  it("is what the model was made for, be it bytes", async () => {
    const model = readModel(fixture("models/resnet.onnx"));
    const input = model.graph.inputs[0]!;
    for (const node of model.graph.nodes)
      node.inputs = node.inputs.map((name) => (name === input.name ? "share" : name));
    model.graph.initializers.push(floatTensor("byte", [], Float32Array.of(1 / 255)));
    model.graph.nodes.unshift(makeNode("Mul", [input.name, "byte"], ["share"], [], "to_share"));
    const path = writeModel(model, `${temporary.path}/bytes.onnx`).path;
    const data = (await openData('"calib"', fixture("digits/digits-rgb32-calib.npz"), fedInputs(model)))!;
    expect(await ids(scaled(data, 255), undefined, path)).toEqual([]);
    expect(await ids(scaled(data, 255 * 255), undefined, path)).toEqual(["scale"]);
  }, 60_000);
});
