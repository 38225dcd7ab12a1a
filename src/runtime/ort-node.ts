/** The native runtime, onnxruntime-node. */
import type { InferenceSession } from "onnxruntime-node";
import { AdaptiveSession } from "./adaptive-session.js";
import { OrtSession } from "./ort-session.js";
import { rejection } from "./rejection.js";
import type { OnnxRuntime, SessionOptions } from "./runtime.js";
import { sessionLabel } from "./session-label.js";

const ERROR_SEVERITY = 3;

/**
 * Imports onnxruntime-node. Throws the error of the import if it is not installed or its binary does not
 * load.
 */
export async function loadNode(): Promise<OnnxRuntime> {
  // The library reads this when it loads. Without it, every run leaves a device id and model names under the
  // home folder.
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  const ort = await import("onnxruntime-node");
  // Must be set before the first session, because the package passes it to the library only once. Logs go to
  // stderr.
  ort.env.logLevel = "error";
  return {
    name: "onnxruntime-node",
    version: ort.env.versions.node ?? ort.env.versions.common,
    open: (model, options = {}) =>
      AdaptiveSession.atLevels(options, async (settings) => {
        const label = sessionLabel(model, settings.label);
        const native = nodeOptions(settings);
        try {
          const session =
            typeof model === "string"
              ? await ort.InferenceSession.create(model, native)
              : await ort.InferenceSession.create(model, native);
          return new OrtSession(session, ort.Tensor, label, settings.optimization);
        } catch (cause) {
          throw rejection(cause, label, "load", model);
        }
      }),
  };
}

/**
 * Passes session config entries through `extra`, whose values must be strings here. onnxruntime ignores
 * unknown ones.
 */
function nodeOptions(options: SessionOptions): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    executionProviders: ["cpu"],
    graphOptimizationLevel: options.optimization ?? "all",
    logSeverityLevel: ERROR_SEVERITY,
    ...(options.returnsMemory ? { enableCpuMemArena: false } : {}),
    ...(options.plansMemory === false ? { enableMemPattern: false } : {}),
    ...(options.optimizedModelPath === undefined
      ? {}
      : { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.config === undefined ? {} : { extra: { ...options.config } }),
  };
}
