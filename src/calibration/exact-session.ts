/** A session in which int8 operators compute as they do with VNNI, whatever the processor, where onnxruntime can. */
import type { Feed } from "../ir/index.js";
import type { OnnxRuntime, Session, SessionOptions } from "../runtime/runtime.js";

/** Quantized operators would saturate on x64 processors without VNNI; there this setting keeps them exact. */
const CONFIG = { "session.x64quantprecision": "1" };

/**
 * The setting rewrites int8 weights at load, and onnxruntime 1.30 fails over some: at load over weights that two nodes
 * share, at the first run over scales per channel whose operator is not fused (one whose output is asked for). Such a
 * model runs without the setting.
 */
export class ExactSession {
  private proven = false;

  private constructor(private session: Session, private readonly runtime: OnnxRuntime, private readonly modelPath: string, private readonly options: SessionOptions) {}

  static async open(runtime: OnnxRuntime, modelPath: string, options: SessionOptions): Promise<ExactSession> {
    try {
      return new ExactSession(await runtime.open(modelPath, { ...options, config: { ...options.config, ...CONFIG } }), runtime, modelPath, options);
    } catch {
      return new ExactSession(await runtime.open(modelPath, options), runtime, modelPath, options);
    }
  }

  async run(feed: Feed, outputs: readonly string[]): Promise<Feed> {
    if (this.proven) return this.session.run(feed, outputs);
    const result = await this.session.run(feed, outputs).catch(() => this.runPlainly(feed, outputs));
    this.proven = true;
    return result;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private async runPlainly(feed: Feed, outputs: readonly string[]): Promise<Feed> {
    await this.session.release();
    this.session = await this.runtime.open(this.modelPath, this.options);
    return this.session.run(feed, outputs);
  }
}
