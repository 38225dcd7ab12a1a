/** What pruning did to the file, against the same run without it. It does nothing for latency, and that is said. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { throwIfAborted, untilAborted } from "../abort.js";
import type { Diagnostic, Logger } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import { encodeModelBytes, encodeParts, totalLength } from "../onnx/index.js";
import { bytesText, percentText } from "../report/units.js";
import { applyPlan, type Candidate, type CandidateContext, decidedIn } from "./candidate.js";
import { replayed, withoutPass } from "./plan.js";

const PRUNE = "prune-magnitude";
/** Compressing twice what is larger takes longer than the figure is worth. Bytes. */
const LARGEST = 256 * 2 ** 20;

/** Runs the plan once more without pruning, on the statistics already measured and with all that was decided, and compares sizes. */
export async function pruningEffect(context: CandidateContext, candidate: Candidate): Promise<Diagnostic[]> {
  if (!candidate.run.passes.some((pass) => pass.name === PRUNE && pass.modified)) return [];
  const fact = "onnxruntime computes with zeros as with any other value, so pruning single weights does not change latency.";
  context.logger.progress?.({ step: "pack the pruned model", done: 0 });
  const pruned = await sizes(candidate.model);
  if (pruned.raw > LARGEST) return [warning(fact)];
  const unpruned = context.read();
  const plan = replayed(withoutPass(candidate.plan, PRUNE), decidedIn(candidate));
  await applyPlan({ ...context, logger: unprunedRun(context.logger) }, unpruned, plan, new Map(candidate.run.statistics));
  context.logger.progress?.({ step: "pack the unpruned model", done: 0 });
  const without = await sizes(unpruned);
  return [warning(`${fact} It changed the file's size by ${change(without.raw, pruned.raw)} raw and ${change(without.gzip, pruned.gzip)} gzipped, against the same run without pruning.`)];
}

/** Nothing but how far it is. */
function unprunedRun(logger: Logger): Logger {
  return { progress: ({ step, ...counted }) => logger.progress?.({ step: `compare with an unpruned run: ${step}`, ...counted }) };
}

const pack = promisify(gzip) as (bytes: Uint8Array, options: { level: number }) => Promise<Buffer>;

async function sizes(model: Model): Promise<{ raw: number; gzip: number }> {
  throwIfAborted();
  const raw = totalLength(encodeParts(model));
  return { raw, gzip: raw > LARGEST ? 0 : (await untilAborted(pack(encodeModelBytes(model), { level: 9 }))).byteLength };
}

function change(before: number, after: number): string {
  const share = (after - before) / before;
  return `${share <= 0 ? "−" : "+"}${percentText(Math.abs(share))} (${bytesText(before)} → ${bytesText(after)})`;
}

function warning(message: string): Diagnostic {
  return { id: "compress/pruning-and-latency", severity: "warning", message };
}
