/**
 * Evaluates constant sub-models with onnxruntime in its child process, for passes that may not run it
 * themselves.
 */
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { DataType, integerTensor, type Model, type Tensor, type TensorValue } from "../ir/index.js";
import {
  inProportion,
  LimitExceeded,
  limitText,
  runLimits,
  type RunLimits,
  type WorkLimit,
} from "../run-limits.js";
import { encodeModelBytes } from "../onnx/index.js";
import type { ConstantEvaluator } from "../passes/contract.js";
import { openRemote, type LimitError, type RemoteRuntime } from "../runtime/index.js";
import { option } from "../option-names.js";

/**
 * Memory for each byte of the constants: 32 if packed codes become float32, plus copies between processes.
 */
const MEMORY_FACTOR = 128;

/** Starts the runtime at the first use; close it when the passes have run. */
export class RuntimeEvaluator implements ConstantEvaluator {
  /** Whether there was something to compute, but no runtime is installed. */
  missing = false;
  private runtime: RemoteRuntime | undefined;
  private seconds = 0;

  /** @param limits those of the run, kept here for an evaluator without one */
  constructor(private readonly limits: RunLimits = runLimits()) {}

  /** The warning that computing stopped, because it exceeded its limit of time or memory. */
  get stopped(): Diagnostic | undefined {
    const { foldingStopped: what } = this.limits;
    return what === undefined
      ? undefined
      : {
          id: "fold-constants/limit",
          severity: "warning",
          message:
            `Some constants were not folded, because computing them takes more than ${what}: ` +
            `their nodes stay in the model. To allow more, raise the limit with ${option("foldLimit")}, for ` +
            `example ${option("foldLimit", { seconds: 60, bytes: 2e9 })}.`,
        };
  }

  /**
   * Returns an empty map for what onnxruntime cannot compute (an operator without a kernel), or only at great
   * cost.
   */
  async evaluate(model: Model): Promise<ReadonlyMap<string, Tensor>> {
    if (this.missing || this.limits.foldingStopped !== undefined) return new Map();
    try {
      this.runtime ??= await openRemote();
      return await this.limited(this.runtime, encodeModelBytes(model));
    } catch (error) {
      if (!(error instanceof EdgecError)) throw error;
      if (error instanceof LimitExceeded) await this.stop(error.what);
      if (error.code === "RUNTIME_MISSING") this.missing = true;
      if (error.code === "RUNTIME_CRASHED") await this.close();
      return new Map();
    }
  }

  async close(): Promise<void> {
    const { runtime } = this;
    this.runtime = undefined;
    await runtime?.close();
  }

  private async stop(what: string): Promise<void> {
    this.limits.foldingStopped = what;
    await this.close();
  }

  /** The time limit is for all work of one evaluator, the memory limit for each computation. */
  private limited(runtime: RemoteRuntime, model: Uint8Array): Promise<ReadonlyMap<string, Tensor>> {
    const { fold } = this.limits;
    const whole = inProportion(fold, model.byteLength, MEMORY_FACTOR);
    const limit: WorkLimit = { ...whole, seconds: whole.seconds - this.seconds };
    const exceeded: LimitError = (_, kind) => {
      const what = limitText(whole, kind);
      return new LimitExceeded(what, `folding takes more than ${what}`);
    };
    // The part that grows with the constants does not reduce the shared limit.
    const spent = (seconds: number): void =>
      void (this.seconds += Math.max(0, seconds - (whole.seconds - fold.seconds)));
    return runtime.within(
      () => limit,
      exceeded,
      () => this.run(runtime, model),
      spent,
    );
  }

  private async run(runtime: RemoteRuntime, model: Uint8Array): Promise<ReadonlyMap<string, Tensor>> {
    const session = await runtime.open(model, { optimization: "disabled" });
    try {
      const outputs = await session.run({});
      return new Map(Object.entries(outputs).flatMap(([name, value]) => asTensor(name, value)));
    } finally {
      await session.release();
    }
  }
}

function asTensor(name: string, { dataType, dims, data }: TensorValue): [string, Tensor][] {
  if (dataType === DataType.STRING || !ArrayBuffer.isView(data)) return [];
  return [[name, integerTensor(name, dims, dataType, data)]];
}
