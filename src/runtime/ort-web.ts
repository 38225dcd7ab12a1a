/** The WebAssembly runtime, onnxruntime-web, in Node: one thread, bytes only, no dump of the optimized graph. */
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import type { InferenceSession } from "onnxruntime-web";
import { BadModelError, EdgecError } from "../errors.js";
import { AdaptiveSession } from "./adaptive-session.js";
import { externalLocations } from "./external-files.js";
import { OrtSession } from "./ort-session.js";
import { rejection } from "./rejection.js";
import type { OnnxRuntime, SessionOptions } from "./runtime.js";
import { sessionLabel } from "./session-label.js";

const ERROR_SEVERITY = 3;

/** Imports onnxruntime-web; throws what the import throws when it is not installed. */
export async function loadWeb(): Promise<OnnxRuntime> {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return {
    name: "onnxruntime-web",
    version: ort.env.versions.web ?? ort.env.versions.common,
    open: (model, options = {}) => AdaptiveSession.atLevels(options, async (settings) => {
      const label = sessionLabel(model, settings.label);
      if (settings.optimizedModelPath !== undefined) {
        throw new EdgecError(
          "RUNTIME_MISSING", 'onnxruntime-web cannot write the graph it executes; install the native runtime with "npm install onnxruntime-node"',
        );
      }
      try {
        const bytes = typeof model === "string" ? await readModelBytes(model) : model;
        const externalData = typeof model === "string" ? await readExternalFiles(model, bytes) : [];
        const session = await ort.InferenceSession.create(bytes, {
          ...webOptions(settings), ...(externalData.length === 0 ? {} : { externalData }),
        });
        return new OrtSession(session, ort.Tensor, label, settings.optimization);
      } catch (cause) {
        throw rejection(cause, label, "load", model);
      }
    }),
  };
}

/** `threads` has no meaning here: a WebAssembly module is single-threaded unless built and started otherwise. */
function webOptions(options: SessionOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: ["wasm"],
    graphOptimizationLevel: options.optimization ?? "all",
    logSeverityLevel: ERROR_SEVERITY,
    ...(options.config === undefined ? {} : { extra: { ...options.config } }),
  };
}

async function readModelBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** External tensors must lie in the model's own folder, as onnxruntime's native build demands too. */
async function readExternalFiles(modelPath: string, bytes: Uint8Array): Promise<{ path: string; data: Uint8Array }[]> {
  const files = [];
  for (const location of externalLocations(bytes, modelPath)) {
    if (isAbsolute(location) || normalize(location).startsWith("..")) {
      throw new BadModelError(`${modelPath}: external data "${location}" lies outside the model's folder`);
    }
    files.push({ path: location, data: await readModelBytes(join(dirname(modelPath), location)) });
  }
  return files;
}
