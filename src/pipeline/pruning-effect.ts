/** What pruning did to the file, against the same run without it. It does nothing for latency, and that is said. */
import { gzipSync } from "node:zlib";
import type { Diagnostic } from "../diagnostics.js";
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
  const pruned = sizes(candidate.model);
  if (pruned.raw > LARGEST) return [warning(fact)];
  context.logger.progress?.({ step: "compare with an unpruned run", done: 0 });
  const unpruned = context.read();
  const plan = replayed(withoutPass(candidate.plan, PRUNE), decidedIn(candidate));
  await applyPlan({ ...context, logger: {} }, unpruned, plan, new Map(candidate.run.statistics));
  const without = sizes(unpruned);
  return [warning(`${fact} It changed the file's size by ${change(without.raw, pruned.raw)} raw and ${change(without.gzip, pruned.gzip)} gzipped, against the same run without pruning.`)];
}

function sizes(model: Model): { raw: number; gzip: number } {
  const raw = totalLength(encodeParts(model));
  return { raw, gzip: raw > LARGEST ? 0 : gzipSync(encodeModelBytes(model), { level: 9 }).byteLength };
}

function change(before: number, after: number): string {
  const share = (after - before) / before;
  return `${share <= 0 ? "−" : "+"}${percentText(Math.abs(share))} (${bytesText(before)} → ${bytesText(after)})`;
}

function warning(message: string): Diagnostic {
  return { id: "compress/pruning-and-latency", severity: "warning", message };
}
