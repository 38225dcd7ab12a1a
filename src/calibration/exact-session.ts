/** A session in which int8 operators compute as they do with VNNI, whatever the processor, where onnxruntime can. */
import { AdaptiveSession } from "../runtime/adaptive-session.js";
import { LEVELS, type OnnxRuntime, type Session, type SessionOptions } from "../runtime/runtime.js";

/** Quantized operators would saturate on x64 processors without VNNI; there this setting keeps them exact. */
const CONFIG = { "session.x64quantprecision": "1" };

/**
 * The setting rewrites int8 weights at load, and onnxruntime 1.30 fails over some: at load over weights that two nodes
 * share, at the first run over scales per channel whose operator is not fused (one whose output is asked for). Such a
 * model runs without the setting.
 */
export function openExact(runtime: OnnxRuntime, modelPath: string, options: SessionOptions): Promise<Session> {
  const attempts = LEVELS.flatMap((optimization) => [
    { ...options, optimization, config: { ...options.config, ...CONFIG } },
    { ...options, optimization },
  ]);
  return AdaptiveSession.first(attempts, (settings) => runtime.open(modelPath, settings));
}
