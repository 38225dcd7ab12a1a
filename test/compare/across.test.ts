import { describe, expect, it } from "vitest";
import { acrossWarnings, requireAcross } from "../../src/compare/across.js";
import type { OutputFidelity } from "../../src/fidelity/index.js";
import { outputFidelity } from "../support/output-fidelity.js";
import type { Combination } from "../../src/verify/index.js";

const EQUAL = outputFidelity({ top1Agreement: 1 });
const REFERENCE: Combination = {
  runtime: "onnxruntime-node",
  version: "1.30.0",
  level: "all",
  status: "reference",
  message: null,
  sqnrDb: null,
  maxAbsError: null,
  flipped: null,
  outputs: {},
};

function web(output: Partial<OutputFidelity>, also: Partial<Combination> = {}): Combination {
  const y = { ...EQUAL, ...output };
  return {
    ...REFERENCE,
    runtime: "onnxruntime-web",
    level: "basic",
    status: "compared",
    sqnrDb: y.pooledSqnrDb,
    maxAbsError: y.maxAbsError,
    flipped: 1 - (y.top1Agreement ?? 1),
    outputs: { y },
    ...also,
  };
}

const warningsOf = (...others: Combination[]) =>
  acrossWarnings(
    { samples: 32, source: "data.npz", combinations: [REFERENCE, ...others] },
    { samples: 32, source: "data.npz", outputs: { y: { ...EQUAL, pooledSqnrDb: 40 } } },
  );
const idsOf = (...others: Combination[]): string[] => warningsOf(...others).map(({ id }) => id);

describe("acrossWarnings", () => {
  it("does not warn about equal outputs, rounding, or noise near zero", () => {
    expect(idsOf(web({}), web({ pooledSqnrDb: 60.1 }), web({ pooledSqnrDb: 3, nearZero: true }))).toEqual([]);
  });

  it("names where outputs differ by more than rounding, and what compression costs", () => {
    expect(warningsOf(web({ pooledSqnrDb: 59.94 })).map(({ message }) => message)).toEqual([
      "Outputs depend on where the model runs by more than rounding. Compared with " +
        'onnxruntime-node at level "all" on 32 samples: ' +
        'onnxruntime-web at level "basic": 59.9 dB. For comparison, ' +
        "the compressed model is at 40.0 dB against the original.",
    ]);
  });

  it("names where decisions flip, however close the outputs are", () => {
    const [warning] = warningsOf(web({ pooledSqnrDb: 100, top1Agreement: 0.75 }));
    expect(warning).toMatchObject({
      id: "across/flipped",
      severity: "warning",
      message: expect.stringContaining('onnxruntime-web at level "basic": 25.0 % differ') as string,
    });
  });

  it("warns about a different number of results", () => {
    expect(idsOf(web({ otherSize: 1 }))).toEqual(["across/other-size"]);
  });

  it("names what refuses the model, and each missing runtime once", () => {
    expect(
      warningsOf(web({}, { status: "refused", message: "no kernel", outputs: {} })).map(
        ({ message }) => message,
      ),
    ).toEqual(['The model does not run everywhere: onnxruntime-web at level "basic" refused it.']);
    const missing = web({}, { status: "missing", message: "Install one", outputs: {} });
    expect(warningsOf({ ...missing, level: "all" }, missing).map(({ message }) => message)).toEqual([
      "onnxruntime-web was left out: Install one.",
    ]);
  });
});

describe("requireAcross", () => {
  it("refuses unknown names, with a suggestion", () => {
    expect(() => requireAcross({ levels: ["basics" as "basic"] })).toThrow(
      '"across.levels" takes all, extended, basic, disabled, not "basics". Did you mean "basic"?',
    );
    expect(() => requireAcross({ runtimes: ["browser" as "web"] })).toThrow(
      '"across.runtimes" takes node, web, not "browser"',
    );
    expect(() => requireAcross({ runtimes: [] })).toThrow('"across.runtimes" is empty');
    expect(() => requireAcross({ samples: 0 })).toThrow("1 or more, not 0");
  });
});
