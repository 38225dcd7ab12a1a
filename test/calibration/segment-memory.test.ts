import { describe, expect, it } from "vitest";
import { CalibrationWorker } from "../../src/calibration/worker.js";
import type { LocalSession, OnnxRuntime, SessionOptions } from "../../src/runtime/runtime.js";

/** Keeps what sessions were opened with, and runs nothing. */
function recording(): OnnxRuntime & { readonly opened: SessionOptions[] } {
  const opened: SessionOptions[] = [];
  const open = (_: string | Uint8Array, options: SessionOptions = {}): Promise<LocalSession> => {
    opened.push(options);
    return Promise.resolve({
      inputNames: ["x"],
      outputNames: ["y"],
      run: () => Promise.resolve({}),
      bind: () => Promise.reject(new Error("is not timed")),
      usedLevel: () => Promise.resolve({ level: "all" }),
      release: () => Promise.resolve(),
    });
  };
  return { name: "onnxruntime-node", version: "0", open, opened };
}

describe("sessions of a model that is measured in segments", () => {
  it.each([true, false])("hold no memory between runs where there are several (%s)", async (isPart) => {
    const runtime = recording();
    const worker = new CalibrationWorker(runtime);
    await worker.open({ label: "m", requests: [], samples: 1, elements: 1, threads: 1 });
    await worker.addSegment({ modelPath: "m.onnx", outputs: ["y"], keep: [], isPart });
    await worker.close();
    expect(runtime.opened.map(({ returnsMemory }) => returnsMemory)).toEqual([isPart]);
  });
});
