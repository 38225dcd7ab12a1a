/**
 * Real models with bytes changed, dropped, doubled and crossed. Whatever comes of it, reading ends in an EdgecError or
 * in a model that prints, validates or not, and reads back as it was written. EDGEC_FUZZ=<n> asks for more mutations.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { allTensors, nodeLists, printModel, tensorBytes, validateModel } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { operatorTests } from "../conformance/archive.js";

const MUTATIONS = Number(process.env.EDGEC_FUZZ ?? 4000);

/** Numbers below `below` from a seed (Lehmer, 48271 mod 2^31 - 1). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

/** Tags, lengths and varint ends: the bytes that change structure. */
const TELLING = [0x00, 0x01, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x10, 0x2a, 0x3a, 0x42, 0x4a, 0x6a, 0x70, 0x7f, 0x80, 0xff];

function mutate(model: Uint8Array, other: Uint8Array, random: (below: number) => number): Uint8Array {
  const result = Buffer.from(model);
  const at = random(result.length);
  const length = 1 + random(16);
  switch (random(6)) {
    case 0: result[at] = random(256); return result;
    case 1: result[at] = TELLING[random(TELLING.length)] ?? 0; return result;
    case 2: return Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
    case 3: return Buffer.concat([result.subarray(0, at + length), result.subarray(at)]);
    case 4: return Buffer.concat([result.subarray(0, at), Buffer.from(other).subarray(random(other.length))]);
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
  // Decoding once drops what a message may say twice; from then on nothing may change.
  const once = encodeModelBytes(model);
  expect(Buffer.compare(encodeModelBytes(decodeModel(once)), once)).toBe(0);
  if (sound) for (const scope of nodeLists(model)) if ("initializers" in scope) for (const t of scope.initializers) if (t.raw) tensorBytes(t);
  return sound ? "sound" : "unsound";
}

it(`survives ${MUTATIONS} mutations of real models`, () => {
  const random = seeded(7);
  const seeds = operatorTests().map((test) => test.model).filter((model) => model.length < 20_000);
  const lenet = readFileSync(new URL("../../fixtures/models/lenet.onnx", import.meta.url));
  const outcomes = { refused: 0, unsound: 0, sound: 0 };
  for (let k = 0; k < MUTATIONS; k++) {
    const model = k % 50 === 0 ? lenet : seeds[random(seeds.length)];
    const other = seeds[random(seeds.length)];
    if (!model || !other) continue;
    let mutant = mutate(model, other, random);
    for (let more = random(3); more > 0 && mutant.length > 0; more--) mutant = mutate(mutant, other, random);
    try {
      outcomes[examine(mutant)]++;
    } catch (cause) {
      throw new Error(`mutation ${k}: ${Buffer.from(mutant.subarray(0, 4096)).toString("base64")}`, { cause });
    }
  }
  if (process.env.EDGEC_FUZZ) process.stderr.write(`${JSON.stringify(outcomes)}\n`);
  // Enough of each that the mutations reach past the first message.
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(MUTATIONS / 50);
});
