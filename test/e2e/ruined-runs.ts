/** Fixtures with data that was changed, and the warnings at the head of a report. */
import type { Dataset, Report } from "../../src/index.js";
import { readModel } from "../../src/onnx/index.js";
import { modelInputs, openData } from "../../src/pipeline/run-data.js";
import { headWarnings } from "../../src/report/head-warnings.js";
import { fixture } from "../cli/run-edgec.js";

export const modelPath = (name: string): string => fixture(`models/${name}.onnx`);
export const digits = (name: string, part: string): string => fixture(`digits/digits-${["rnn", "vit"].includes(name) ? "gray28" : "rgb32"}-${part}.npz`);

export async function changed(name: string, change: (value: number) => number): Promise<Dataset> {
  const data = (await openData("--calib", digits(name, "calib"), modelInputs(readModel(modelPath(name)))))!;
  return {
    ...data,
    async *samples() {
      for await (const { feed } of data.samples()) yield { feed: Object.fromEntries(Object.entries(feed).map(([input, value]) => [input, { ...value, data: (value.data as Float32Array).map(change) }])) };
    },
  };
}

export const idsOf = (report: Report): string[] => headWarnings(report).map(({ id }) => id);
