import { expect, it } from "vitest";
import { fidelityLines } from "../../src/report/measurement-lines.js";
import { outputFidelity as output } from "../support/output-fidelity.js";

it("tells of integers and words by the share that is equal, and of floats in decibels", () => {
  const outputs = {
    label: output({ cosine: null, agreement: 0.975, maxAbsError: 3 }),
    name: output({ cosine: null, agreement: 1 }),
    y: output({ sqnrDb: 40, cosine: 0.99995, maxAbsError: 0.5 }),
  };
  expect(fidelityLines({ samples: 4, source: "data", outputs })).toEqual([
    "label: 97.5 % of the values are equal",
    "name: equal",
    "y: 40.0 dB, cosine 0.99995, largest error 0.500",
  ]);
});

it("says what an output that cannot be returned was compared by, or that it was not", () => {
  const indirect = [
    { output: "seq", type: "a sequence of float tensors", standIns: ["seq[0]", "seq[1]"] },
    { output: "maps", type: "a map from int64 to float", standIns: [] },
  ];
  expect(fidelityLines({ samples: 1, source: "data", outputs: {}, indirect })).toEqual([
    "seq: compared by seq[0], seq[1], because it is a sequence of float tensors",
    "maps: not compared, because it is a map from int64 to float",
  ]);
});
