/** What a report says of its measurements in lines: how near the outputs are, and what was measured on what. */
import type { OutputFidelity } from "../fidelity/index.js";
import { option } from "../option-names.js";
import { decibelText, percentText, plural, printable } from "../units.js";
import type { Fidelity } from "../verify/index.js";
import type { Report } from "./report.js";

/**
 * "y: 39.7 dB in front of Softmax (38.9 to 40.4; worst sample 17: 31.2 dB, 12 % of the noise), cosine 0.99995, largest
 * error 0.41, 99.8 % the same top class" for each output.
 */
export function fidelityLines({ outputs, samples, indirect = [] }: Fidelity): string[] {
  const figures = Object.entries(outputs).map(
    ([name, output]) => `${printable(name)}: ${outputText(output, samples)}`,
  );
  return [...indirect.map(indirectLine), ...figures];
}

function indirectLine({ output, type, standIns }: NonNullable<Fidelity["indirect"]>[number]): string {
  const how = standIns.length === 0 ? "not compared" : `compared by ${standIns.map(printable).join(", ")}`;
  return `${printable(output)}: ${how}, because it is ${printable(type)}`;
}

function outputText(output: OutputFidelity, samples: number): string {
  const { sqnrDb, cosine, agreement, maxAbsError, top1Agreement, otherSize, nearZero } = output;
  if (otherSize > 0) {
    return (
      `a different number of results in ${otherSize} of ${samples} samples; compare them with ` +
      `a metric of your own (${option("metric")})`
    );
  }
  if (sqnrDb === null && maxAbsError === 0) return "equal";
  if (agreement !== null) return `${percentText(agreement)} of the values are equal`;
  const top = top1Agreement === null ? "" : `, ${percentText(top1Agreement)} the same top class`;
  const error = `largest error ${maxAbsError.toPrecision(3)}${top}`;
  if (nearZero) return `signal near zero, ${error} (${decibelText(sqnrDb)}, which says little)`;
  const near = `${decibelText(sqnrDb)}${placeText(output)}${spreadText(output)}`;
  return `${near}, cosine ${(cosine ?? 0).toFixed(5)}, ${error}`;
}

function placeText({ comparedAt }: OutputFidelity): string {
  return comparedAt === "output" ? "" : ` in front of ${comparedAt}`;
}

/** Where the median lies, and the worst sample. */
function spreadText({ sqnrRange, worst }: OutputFidelity): string {
  if (!sqnrRange || !worst) return "";
  const [low, high] = sqnrRange.map((db) => (db === null ? "equal" : db.toFixed(1)));
  return (
    ` (${low} to ${high}; worst sample ${worst.sample}: ${decibelText(worst.sqnrDb)}, ` +
    `${percentText(worst.noiseShare)} of the noise)`
  );
}

/** The data and the runtime of the measurements. */
export function provenanceLines({
  target,
  emulation,
  search,
  accuracy,
  fidelity,
  latency,
  executed,
  across,
}: Report): string[] {
  const lines: string[] = [];
  if (target && target.name !== "generic")
    lines.push(`target: ${target.name}${target.origin === null ? "" : ` (${target.origin})`}`);
  if (search?.prediction) lines.push(predictionLine(search.prediction));
  if (emulation)
    lines.push(
      `emulated: ${emulation.target}; ${emulation.pairsAtRisk} of ` +
        `${plural(emulation.pairs, "pair")} of int8 weights can saturate, in ` +
        plural(emulation.layersAtRisk + emulation.layersNotCovered, "layer"),
    );
  if (latency)
    lines.push(
      `latency: ${latency.runtime}, ${plural(latency.threads, "thread")}, ` +
        `${plural(latency.runs, "interleaved run")} of each model`,
    );
  if (accuracy) lines.push(`accuracy: ${plural(accuracy.samples, "labelled sample")}`);
  if (fidelity) lines.push(`fidelity: ${plural(fidelity.samples, "sample")} of ${fidelity.source}`);
  if (executed)
    lines.push(
      `executed: ${plural(executed.int8Kernels, "int8 kernel")}, ${executed.floatKernels} ` +
        `in float, ${executed.strayQdq} remaining Q/DQ or decode nodes`,
    );
  if (across)
    lines.push(`across runtimes and levels: ${plural(across.samples, "sample")} of ${across.source}`);
  return lines;
}

function predictionLine({
  target,
  floatNodes,
  int8,
  chosen,
}: NonNullable<NonNullable<Report["search"]>["prediction"]>): string {
  const other = floatNodes.length > 0 ? `, ${int8.toFixed(2)} with all layers in int8` : "";
  return `predicted: ${chosen.toFixed(2)} of float's time on ${target}, by its cost table${other}`;
}
