/** What stands for outputs that cannot be returned, against what other operators make of the same values. */
import { describe, expect, it } from "vitest";
import { attribute, DataType, emptyGraph, makeNode, tensorValue, type Model } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { loadRuntime } from "../../src/runtime/index.js";
import { readableOutputs } from "../../src/verify/index.js";
import { Random } from "../fuzz/random.js";
import { KINDS, oddFeed, oddModel } from "./odd-outputs.js";
import { floatSequence, oddValue, scoreMaps, zipMap } from "./odd-types.js";

const SEEDS = 60;

async function outcome(seed: number): Promise<string | undefined> {
  const { model, expected, rows } = oddModel(seed);
  const { model: readable, outputs, indirect } = readableOutputs(model);
  const standIns = indirect.flatMap((found) => found.standIns);
  if (standIns.sort().join() !== [...expected.keys()].sort().join())
    return `stand-ins are ${standIns.join()}, not ${[...expected.keys()].join()}`;
  const session = await (await loadRuntime()).open(encodeModelBytes(readable));
  const random = new Random(seed);
  for (let sample = 0; sample < 3; sample++) {
    const found = await session.run(oddFeed(random, rows), outputs);
    for (const [standIn, check] of expected) {
      if (check === "") continue;
      const [actual, wanted] = [found[standIn]!, found[check]!];
      if (actual.data.join() !== wanted.data.join())
        return `${standIn} is ${actual.data.join()} and not ${wanted.data.join()}`;
    }
  }
  await session.release();
  return undefined;
}

describe("random models with outputs that are no tensors", () => {
  it("are seen whole through the tensors that stand for them", { timeout: 60_000 }, async () => {
    const failures: string[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const failure = await outcome(seed).catch((error: unknown) => String(error));
      if (failure !== undefined) failures.push(`seed ${seed} (kind ${seed % KINDS}): ${failure}`);
    }
    expect(failures).toEqual([]);
  });
});

/** One odd output made by `nodes`. */
function oneOutput(nodes: Model["graph"]["nodes"], output: Model["graph"]["outputs"][number]): Model {
  return {
    irVersion: 8n,
    opsetImports: [
      { domain: "", version: 17n },
      { domain: "ai.onnx.ml", version: 3n },
    ],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: { ...emptyGraph("g"), nodes, inputs: [tensorValue("x", DataType.FLOAT, [2, 4])], outputs: [output] },
  };
}

describe("an output", () => {
  it("of tensors leaves the model as it is", () => {
    const model = oneOutput([makeNode("Relu", ["x"], ["y"])], tensorValue("y", DataType.FLOAT));
    expect(readableOutputs(model)).toEqual({ model, outputs: ["y"], indirect: [] });
    expect(readableOutputs(model).model).toBe(model);
  });

  it("is named with its type and what stands for it", () => {
    expect(readableOutputs(oneOutput([zipMap("x", "maps")], scoreMaps("maps"))).indirect).toEqual([
      { output: "maps", type: "a sequence of maps from int64 to float", standIns: ["maps.values"] },
    ]);
    const sequence = readableOutputs(
      oneOutput([makeNode("SequenceConstruct", ["x", "x"], ["seq"])], floatSequence("seq")),
    );
    expect(sequence.indirect).toEqual([
      { output: "seq", type: "a sequence of float tensors", standIns: ["seq[0]", "seq[1]"] },
    ]);
    expect(sequence.outputs).toEqual(["seq[0]", "seq[1]"]);
  });

  it("has no stand-in where a value bears its name, or the operator set cannot take it apart", () => {
    const taken = oneOutput(
      [makeNode("Relu", ["x"], ["seq[0]"]), makeNode("SequenceConstruct", ["seq[0]"], ["seq"])],
      floatSequence("seq"),
    );
    expect(readableOutputs(taken).indirect).toMatchObject([{ output: "seq", standIns: [] }]);
    const old = oneOutput(
      [makeNode("SequenceConstruct", ["x"], ["a"]), makeNode("SequenceErase", ["a"], ["seq"])],
      floatSequence("seq"),
    );
    expect(readableOutputs({ ...old, opsetImports: [{ domain: "", version: 12n }] }).indirect).toMatchObject([
      { standIns: [] },
    ]);
    expect(readableOutputs(old).indirect).toMatchObject([{ standIns: ["seq.length", "seq.elements"] }]);
  });

  it("is taken for what makes it where its type is not declared", () => {
    const undeclared = oneOutput(
      [makeNode("SplitToSequence", ["x"], ["s"], [attribute.int("axis", 0)]), makeNode("Identity", ["s"], ["seq"])],
      { name: "seq" },
    );
    expect(readableOutputs(undeclared).indirect).toEqual([
      { output: "seq", type: "no tensor", standIns: ["seq.whole"] },
    ]);
  });

  it("of a type nested without end is told of without being followed to its end", () => {
    const nested = (depth: number): Record<string, unknown> =>
      depth === 0
        ? { tensorType: { elemType: 1 } }
        : { sequenceType: { elemType: oddValue("", nested(depth - 1)).type!.encoded!.bytes } };
    const model = oneOutput([makeNode("Identity", ["x"], ["y"])], oddValue("y", nested(50)));
    expect(readableOutputs(model).indirect[0]?.type).toMatch(/^a sequence of sequences of .* values of unknown type$/);
  });
});
