/** Calibration in the test's own process, with a runtime that counts the runs of each node. */
import type { CalibrationProcess } from "../../src/calibration/process.js";
import { CalibrationWorker } from "../../src/calibration/worker.js";
import { readModel } from "../../src/onnx/index.js";
import { loadRuntime, type OnnxRuntime } from "../../src/runtime/index.js";

/** A runtime that counts the runs of each node, by its output. */
export async function countingRuntime(): Promise<{ runtime: OnnxRuntime; runs: Map<string, number> }> {
  const runs = new Map<string, number>();
  const runtime = await loadRuntime();
  const open: OnnxRuntime["open"] = async (source, options) => {
    const session = await runtime.open(source, options);
    const made = typeof source === "string" ? readModel(source).graph.nodes : [];
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      run: (values, outputs) => {
        for (const { outputs: names } of made)
          for (const name of names) runs.set(name, (runs.get(name) ?? 0) + 1);
        return session.run(values, outputs);
      },
      bind: (values) => session.bind(values),
      usedLevel: () => session.usedLevel(),
      release: () => session.release(),
    };
  };
  return { runtime: { name: runtime.name, version: runtime.version, open }, runs };
}

/** Calibration in this process; `before` sees each call. */
export function inThisProcess(
  runtime: OnnxRuntime,
  before: (method: string, args: readonly unknown[]) => void = () => undefined,
): CalibrationProcess {
  const worker = new CalibrationWorker(runtime);
  const functions: Record<string, unknown> = {
    openRound: worker.open.bind(worker),
    closeRound: worker.close.bind(worker),
  };
  const call = async (method: string, args: readonly unknown[]): Promise<unknown> => {
    before(method, args);
    const own =
      functions[method] ?? (worker as unknown as Record<string, (...args: unknown[]) => unknown>)[method];
    return (own as (...args: readonly unknown[]) => unknown).apply(worker, [...args]);
  };
  const client = { call, pid: 1, watch: () => ({ seconds: () => 0, stop: () => undefined }) };
  return {
    client: () => Promise.resolve(client),
    rest: () => Promise.resolve(),
    close: () => Promise.resolve(),
  } as unknown as CalibrationProcess;
}
