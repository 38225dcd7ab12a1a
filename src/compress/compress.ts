/**
 * The main job, from top to bottom: read the model, plan the passes, build candidates, choose one, and rename
 * it to the output.
 */
import { abortable, takeTurn } from "../abort.js";
import { requireModelSource } from "../arguments.js";
import type { Diagnostic } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { encodeModelBytes } from "../onnx/index.js";
import { COMPRESS_KEYS, type CompressOptions } from "../plan/compress-options.js";
import { planPasses } from "../plan/plan.js";
import type { PlanOptions } from "../plan/plan-request.js";
import type { Report } from "../report/report.js";
import { withKnownOptions } from "../option-keys.js";
import { withLimits } from "../run-limits.js";
import { inStage, inWholeStage, stageTimes, withStageClock } from "../stage-clock.js";
import { buildWithBisection } from "./build-with-bisection.js";
import { type Candidate, decidedIn } from "./candidate.js";
import { chooseCandidate } from "./choose-candidate.js";
import { checkData, lossWarnings } from "./data-warnings.js";
import { acquire, type JobResources, type Job, openJob } from "./job.js";
import { laterWarnings, unusedData } from "./later-warnings.js";
import { makeReport } from "./make-report.js";
import { neverLarger } from "./never-larger.js";
import { finished } from "./source.js";

export interface CompressResult {
  readonly model: Model;
  /** The output path; undefined if none was given. */
  readonly path: string | undefined;
  readonly report: Report;
  /** The file's bytes, encoded on demand, without tensors in external files. */
  bytes(): Uint8Array;
}

/**
 * Compresses a model. The result is written to a temporary file, read back, loaded, run and compared with the
 * original before it takes the output's name. A model that the runtime rejects is not written: the pass that
 * broke it is left out, or with `safe: false` named in the error. Without an installed runtime, passes that
 * need no data still run, and the report has no fidelity, accuracy and latency. A model of an operator set
 * below 7, which onnxruntime does not run, is upgraded first, and compared with its upgraded form.
 *
 * Failed gates do not throw: see `report.verdict`. Throws EdgecError: BAD_MODEL and MODEL_REJECTED for the
 * input, BAD_OPTION, BAD_DATA, UNMATCHED_SELECTOR, CANNOT_WRITE, OUTPUT_EXISTS and PASS_FAILED as their
 * names say. The output is then unchanged, or if a search for nodes to leave in float had begun, the best
 * model that it had found.
 */
export function compress(
  input: string | Uint8Array | Model,
  given: CompressOptions = {},
): Promise<CompressResult> {
  return withKnownOptions("compress", COMPRESS_KEYS, given, () => {
    requireModelSource("compress", input);
    return abortable(given.signal, () =>
      withLimits(given, () => withStageClock(() => compressModel(input, given))),
    );
  });
}

async function compressModel(
  input: string | Uint8Array | Model,
  given: CompressOptions,
): Promise<CompressResult> {
  const resources = await acquire(input, given);
  try {
    const warnings: Diagnostic[] = [];
    const job = await inStage("read", () => openJob(input, given, resources, warnings));
    await takeTurn();
    const doubts = await inStage("check", () => checkData(job.context, isCompared(job), warnings));
    const candidate = await bestCandidate(job);
    // To measure the effect of a pass, the others may run again without it.
    await inWholeStage("check", async () => {
      warnings.unshift(...(await lossWarnings(job.context, candidate, doubts)));
      warnings.push(...(await laterWarnings(job.context, candidate, job.target)));
    });
    const result = await inStage("write", () => written(job, candidate, resources, warnings));
    return resultOf(result, { ...result.report, times: stageTimes() });
  } finally {
    await resources.runtimeSearch.close();
    await resources.compute.close();
    await resources.files.remove();
  }
}

/** Each way to compress the model is planned once, built and compared with the original; see `chooseCandidate`. */
async function bestCandidate({ context, settings, read, copies }: Job): Promise<Candidate> {
  const build = async (name: string, options: PlanOptions): Promise<Candidate> => {
    context.logger.progress?.({ step: "plan the passes", done: 0 });
    const plan = await inStage("plan", () => planPasses(copies.look(), options));
    return buildWithBisection(context, name, plan);
  };
  const chosen = await chooseCandidate(settings, build, context.logger);
  return neverLarger(context, settings, chosen, read, build);
}

function isCompared({ runtime }: Job): boolean {
  return runtime?.isThere === true || runtime?.instead !== undefined;
}

interface Written {
  readonly model: () => Model;
  readonly path: string | undefined;
  readonly report: Report;
}

/** Renames the candidate's file to the output, and makes the report. */
async function written(
  job: Job,
  candidate: Candidate,
  { files }: JobResources,
  warnings: Diagnostic[],
): Promise<Written> {
  const { inputPath: input, settings, fingerprint, target, originalData, context } = job;
  const { output } = context.options;
  context.logger.progress?.({ step: "finish", done: 0 });
  warnings.push(...unusedData(await files.unusedData(candidate.path, originalData), output));
  const decisions = {
    ...(settings.replay ?? decidedIn(candidate)),
    judged: candidate.run.judged,
    model: fingerprint,
  };
  const names = await files.finalNames(candidate.path);
  const explains = context.options.explain === true;
  const facts = { input, output, decisions, target, written: names, warnings, explains };
  const report = makeReport(candidate, facts);
  await files.commit(candidate.path);
  context.searchMemory?.remove();
  return { model: finished(candidate, files), path: output, report };
}

function resultOf({ model, path }: Written, report: Report): CompressResult {
  return {
    get model() {
      return model();
    },
    path,
    report,
    bytes: () => encodeModelBytes(model()),
  };
}
