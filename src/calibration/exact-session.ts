/** A session whose int8 operators compute as with VNNI on any processor, where onnxruntime supports that. */
import { AdaptiveSession } from "../runtime/adaptive-session.js";
import { LEVELS, type OnnxRuntime, type Session, type SessionOptions } from "../runtime/runtime.js";

/** Without this setting, quantized operators saturate on x64 processors without VNNI. */
const CONFIG = { "session.x64quantprecision": "1" };

/**
 * The setting rewrites int8 weights at load, and onnxruntime 1.30 fails on some: at load on weights that two
 * nodes share, and at the first run on per-channel scales whose operator is not fused (because its output was
 * requested). Such a model runs without the setting.
 */
export function openExact(
  runtime: OnnxRuntime,
  modelPath: string,
  options: SessionOptions,
): Promise<Session> {
  const attempts = LEVELS.flatMap((optimization) => [
    { ...options, optimization, config: { ...options.config, ...CONFIG } },
    { ...options, optimization },
  ]);
  return AdaptiveSession.first(attempts, (settings) => runtime.open(modelPath, settings));
}
