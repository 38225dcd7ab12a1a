/**
 * The main job, from top to bottom: read the model, plan the passes, build candidates, choose one, and give it
 * its name.
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
import { hold, type Holdings, type Job, openJob } from "./job.js";
import { laterWarnings, unusedData } from "./later-warnings.js";
import { makeReport } from "./make-report.js";
import { neverLarger } from "./never-larger.js";
import { finished } from "./source.js";

export interface CompressResult {
  readonly model: Model;
  /** Where it was written; undefined when no output was asked for. */
  readonly path: string | undefined;
  readonly report: Report;
  /** The file's bytes, encoded when asked for. Tensors in external files are not part of them. */
  bytes(): Uint8Array;
}

/**
 * Compresses a model and checks the result against the original before it takes its name: it was written,
 * read back, loaded, run and compared. A model that the runtime refuses is never written: the pass that
 * broke it is left out, or with `safe: false` named in the error. Without an installed runtime, passes that
 * need no data run all the same, and the report has no fidelity, accuracy and latency. A model of an
 * operator set below 7, which onnxruntime does not run, is raised first, and compared with what it is then.
 *
 * Failed gates do not throw: see `report.verdict`. Throws EdgecError: BAD_MODEL and MODEL_REJECTED for the
 * input, BAD_OPTION, BAD_DATA, UNMATCHED_SELECTOR, CANNOT_WRITE, OUTPUT_EXISTS and PASS_FAILED as their
 * names say; the output is then as it was, or where a search for nodes to leave in float had begun, the
 * best model that it had found.
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
  const holdings = await hold(input, given);
  try {
    const warnings: Diagnostic[] = [];
    const job = await inStage("read", () => openJob(input, given, holdings, warnings));
    await takeTurn();
    const doubts = await inStage("check", () => checkData(job.context, isCompared(job), warnings));
    const candidate = await bestCandidate(job);
    // A pass may be left out and the others run again to tell what it brought.
    await inWholeStage("check", async () => {
      warnings.unshift(...(await lossWarnings(job.context, candidate, doubts)));
      warnings.push(...(await laterWarnings(job.context, candidate, job.target)));
    });
    const result = await inStage("write", () => written(job, candidate, holdings, warnings));
    return { ...result, report: { ...result.report, times: stageTimes() } };
  } finally {
    await holdings.compute.close();
    await holdings.files.remove();
  }
}

/** Each way to compress the model is planned once, built and compared with the original; see `chooseCandidate`. */
async function bestCandidate({ context, settings, read, model }: Job): Promise<Candidate> {
  const build = async (name: string, options: PlanOptions): Promise<Candidate> => {
    context.logger.progress?.({ step: "plan the passes", done: 0 });
    const plan = await inStage("plan", () => planPasses(model, options));
    return buildWithBisection(context, name, plan);
  };
  const chosen = await chooseCandidate(settings, build, context.logger);
  return neverLarger(context, settings, chosen, read, build);
}

function isCompared({ runtime }: Job): boolean {
  return runtime?.isThere === true || runtime?.instead !== undefined;
}

/** The candidate's file takes the output's name, and the report says what was done. */
async function written(
  job: Job,
  candidate: Candidate,
  { files }: Holdings,
  warnings: Diagnostic[],
): Promise<CompressResult> {
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
  const model = finished(candidate.model, files);
  return { model, path: output, report, bytes: () => encodeModelBytes(model) };
}
