/**
 * The effect of one pass on the size of the file, compared with the same run without it; see
 * `PassDefinition.sizeEffect`. This takes a second run and packing, so it is measured only on request.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { throwIfAborted, untilAborted } from "../abort.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { Pass } from "../passes/contract.js";
import { encodeModelBytes, encodeParts, readModel, totalLength } from "../onnx/index.js";
import { bytesText, percentText } from "../units.js";
import { applyPlan, type Candidate, type CandidateContext, decidedIn } from "./candidate.js";
import { withoutPass } from "../plan/plan.js";
import { replayed } from "../plan/replayed-plan.js";
import { option } from "../option-names.js";

/** Above this size, packing twice takes longer than the figure is worth. Bytes. */
const MAX_BYTES = 256 * 2 ** 20;

/**
 * For each such pass that changed the model: runs the plan once more without it, with the statistics and
 * decisions of the run.
 */
export async function sizeEffects(context: CandidateContext, candidate: Candidate): Promise<Diagnostic[]> {
  const changed = new Set(candidate.run.passes.filter(({ modified }) => modified).map(({ name }) => name));
  const passes = candidate.plan
    .flatMap((step) => step.passes)
    .filter((pass) => pass.sizeEffect !== undefined && changed.has(pass.name));
  if (passes.length === 0) return [];
  if (context.options.packedSizes !== true)
    return passes.map(({ name, sizeEffect = "" }) => sizeWarning(name, `${sizeEffect} ${unmeasured()}`));
  context.logger.progress?.({ step: "pack the model", done: 0 });
  const after = await sizes(candidate.model ?? readModel(candidate.path));
  const found: Diagnostic[] = [];
  for (const pass of passes) found.push(await sizeEffect(context, candidate, pass, after));
  return found;
}

const unmeasured = (): string =>
  `Its effect on the file size was not measured. Add ${option("packedSizes")} to measure it.`;

async function sizeEffect(
  context: CandidateContext,
  candidate: Candidate,
  { name, sizeEffect: fact = "" }: Pass,
  after: Sizes,
): Promise<Diagnostic> {
  if (after.raw > MAX_BYTES) return sizeWarning(name, fact);
  const without = context.read();
  const plan = replayed(withoutPass(candidate.plan, name), decidedIn(candidate));
  await applyPlan(
    { ...context, logger: runWithout(name, context.logger) },
    without,
    plan,
    new Map(candidate.run.statistics),
  );
  context.logger.progress?.({ step: `pack the model without ${name}`, done: 0 });
  const before = await sizes(without);
  return sizeWarning(
    name,
    `${fact} ${name} changed the size of the file by ${change(before.raw, after.raw)} raw ` +
      `and ${change(before.gzip, after.gzip)} gzipped, compared with the same run without ` +
      "it.",
  );
}

/** Passes on nothing but progress. */
function runWithout(name: string, logger: Logger): Logger {
  return {
    progress: ({ step, ...counted }) =>
      logger.progress?.({ step: `compare with a run without ${name}: ${step}`, ...counted }),
  };
}

const pack = promisify(gzip) as (bytes: Uint8Array, options: { level: number }) => Promise<Buffer>;

interface Sizes {
  readonly raw: number;
  readonly gzip: number;
}

async function sizes(model: Model): Promise<Sizes> {
  throwIfAborted();
  const raw = totalLength(encodeParts(model));
  return {
    raw,
    gzip: raw > MAX_BYTES ? 0 : (await untilAborted(pack(encodeModelBytes(model), { level: 9 }))).byteLength,
  };
}

function change(before: number, after: number): string {
  const share = (after - before) / before;
  return `${share <= 0 ? "−" : "+"}${percentText(Math.abs(share))} (${bytesText(before)} → ${bytesText(after)})`;
}

function sizeWarning(subject: string, message: string): Diagnostic {
  return { id: "compress/size-effect", severity: "warning", subject, message };
}
