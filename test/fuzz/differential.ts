/** One case: a model, a feed and passes. What the passes made must load, run and give what it gave before. */
import { copyModel, DataType, halfToFloat, type Feed, type Model, type TensorValue } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { assertSound, undescribedOperators } from "../../src/ops/check-operators.js";
import { runPasses } from "../../src/pipeline/runner.js";
import { runLimits } from "../../src/run-limits.js";
import { RuntimeEvaluator } from "../../src/pipeline/constant-evaluator.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";
import { readableOutputs } from "../../src/verify/index.js";
import { boundPlan, isLossy, type FuzzPlan } from "./pass-lists.js";

export interface Case {
  readonly model: Model;
  readonly feed: Feed;
  readonly feeds: readonly Feed[];
  readonly plan: FuzzPlan;
}

/** "cannot run": onnxruntime refuses the model as it was. */
export type Outcome = { readonly kind: "same" | "cannot run"; readonly detail?: string } | { readonly kind: "fault"; readonly detail: string };

/** Rounding, relative to the largest value of an output: of folded weights and kernels of another order. */
const ROUNDING: Readonly<Record<number, number>> = { [DataType.FLOAT]: 2e-4, [DataType.FLOAT16]: 3e-2 };
/** What lossy passes may make of the largest value. */
const MOST_GROWTH = 100;

/** Runs cases in one runtime, which is started anew after a crash. */
export class Examiner {
  /** How often each pass changed a model. */
  readonly changed = new Map<string, number>();
  private runtime: RemoteRuntime | undefined;
  /** It folds for many models, one after the other, each of which would have the time for itself. */
  private evaluator = new RuntimeEvaluator({ ...runLimits(), fold: { ...runLimits().fold, seconds: Infinity } });

  async examine(given: Case): Promise<Outcome> {
    const original = encodeModelBytes(given.model);
    const before = await this.run(original, given.feed);
    if (before instanceof Error) return { kind: "cannot run", detail: before.message };
    const fault = soundness(given.model);
    if (fault) return { kind: "fault", detail: `refused, though onnxruntime runs it: ${fault}` };
    let bytes: Uint8Array;
    try {
      bytes = await this.transform(given);
    } catch (error) {
      const refusal = await this.optimizedRefusal(original, given.feeds);
      if (refusal) return { kind: "cannot run", detail: refusal };
      return { kind: "fault", detail: `failed: ${error instanceof Error ? error.message : String(error)}` };
    }
    const after = await this.run(bytes, given.feed);
    if (after instanceof Error) return { kind: "fault", detail: `onnxruntime refuses the result: ${after.message}` };
    const difference = isLossy(given.plan) ? lossyFault(before, after) : exactFault(before, after);
    return difference ? { kind: "fault", detail: difference } : { kind: "same" };
  }

  /** The bytes that edgec would write. */
  async transform({ model, plan, feeds }: Case): Promise<Uint8Array> {
    const changed = copyModel(model);
    const dataset = plan.withData ? { name: "fuzz", size: feeds.length, hasLabels: false, async *samples() { await Promise.resolve(); for (const feed of feeds) yield { feed }; } } : undefined;
    const run = await runPasses(changed, boundPlan(plan), { dataset, evaluator: this.evaluator, logger: {}, seed: 0, threads: 1, debug: true });
    for (const pass of run.passes) if (pass.modified) this.changed.set(pass.name, 1 + (this.changed.get(pass.name) ?? 0));
    const bytes = encodeModelBytes(changed);
    if (!run.modified && Buffer.compare(bytes, encodeModelBytes(model)) !== 0) throw new Error("no pass says that it changed the model, and its bytes are others");
    assertSound(decodeModel(bytes), "read back", undescribedOperators(model));
    return bytes;
  }

  async close(): Promise<void> {
    await this.evaluator.close();
    await this.runtime?.close();
    this.runtime = undefined;
  }

  /** Calibration runs models as onnxruntime optimizes them, which by itself breaks a few (its fusion into Gemm, for one). */
  private async optimizedRefusal(model: Uint8Array, feeds: readonly Feed[]): Promise<string | undefined> {
    for (const feed of feeds) {
      const outputs = await this.run(model, feed, "all");
      if (outputs instanceof Error) return outputs.message;
    }
    return undefined;
  }

  private async run(model: Uint8Array, feed: Feed, optimization: "disabled" | "all" = "disabled"): Promise<Feed | Error> {
    try {
      this.runtime ??= await openRemote();
      // Outputs that cannot be returned are looked at through the tensors that stand for them.
      const { model: readable, outputs, indirect } = readableOutputs(decodeModel(model));
      const session = await this.runtime.open(indirect.length > 0 ? encodeModelBytes(readable) : model, { optimization });
      try {
        return await session.run(feed, indirect.length > 0 ? outputs : undefined);
      } finally {
        await session.release();
      }
    } catch (error) {
      if (this.runtime?.pid === undefined) this.runtime = undefined;
      return error as Error;
    }
  }
}

function soundness(model: Model): string | undefined {
  try {
    assertSound(model, "the model");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function exactFault(before: Feed, after: Feed): string | undefined {
  return eachOutput(before, after, (a, b, name, type) => {
    const scale = Math.max(1, largest(a));
    const worst = largestDifference(a, b);
    const bound = (ROUNDING[type] ?? 0) * scale;
    return worst <= bound ? undefined : `output "${name}" differs by ${worst} where ${bound} is rounding`;
  });
}

function lossyFault(before: Feed, after: Feed): string | undefined {
  return eachOutput(before, after, (a, b, name) => {
    if (!a.every(Number.isFinite)) return undefined;
    if (!b.every(Number.isFinite)) return `output "${name}" is not finite any more`;
    const bound = MOST_GROWTH * Math.max(1, largest(a));
    return largest(b) <= bound ? undefined : `output "${name}" reaches ${largest(b)}, and was within ${largest(a)}`;
  });
}

type Check = (before: readonly number[], after: readonly number[], name: string, type: number) => string | undefined;

function eachOutput(before: Feed, after: Feed, check: Check): string | undefined {
  for (const [name, a] of Object.entries(before)) {
    const b = after[name];
    if (!b) return `output "${name}" is gone`;
    if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join()) return `output "${name}" is [${b.dims.join()}] of type ${b.dataType}, and was [${a.dims.join()}] of type ${a.dataType}`;
    const fault = check(numbers(a), numbers(b), name, a.dataType);
    if (fault) return fault;
  }
  return Object.keys(after).length === Object.keys(before).length ? undefined : "there are more outputs than before";
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  let worst = 0;
  for (let k = 0; k < a.length; k++) {
    if (Object.is(a[k], b[k]) || a[k] === b[k]) continue;
    const difference = Math.abs((a[k] ?? NaN) - (b[k] ?? NaN));
    worst = Math.max(worst, Number.isFinite(difference) ? difference : Infinity);
  }
  return worst;
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
}

function numbers({ dataType, data }: TensorValue): number[] {
  if (dataType === DataType.FLOAT16) return Array.from(data as Uint16Array, halfToFloat);
  return Array.from(data as ArrayLike<number | bigint>, Number);
}
