/** What `edgec inspect --diff` prints for a person. */
import type { Change, ModelDiff, ValueChange, WeightChange, WeightSide } from "../inspect/diff-models.js";
import { valueText } from "./inspection-text.js";
import { operatorName } from "../ir/index.js";
import { PLAIN, type Paint } from "./paint.js";
import { textTable } from "./text-table.js";
import { bytesText, countText, percentText, plural, printable, ratioText, shortened } from "../units.js";
import { option } from "../option-names.js";

const FIRST_WEIGHTS = 20;

/** Figures before → after, then what differs. Ends with a newline. */
export function diffText(
  diff: ModelDiff,
  { all = false }: { readonly all?: boolean } = {},
  paint: Paint = PLAIN,
): string {
  const sections = [
    textTable(
      [
        ["before", printable(diff.path.before ?? "(in memory)")],
        ["after", printable(diff.path.after ?? "(in memory)")],
      ],
      [0, 1],
    ),
    summary(diff, paint),
    diff.notes.map(printable),
    values("input", diff.inputs),
    values("output", diff.outputs),
    operators(diff, paint),
    weights(diff, all, paint),
    diff.warnings.map((warning) => `${paint.yellow("warning:")} ${printable(warning)}`),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function summary(diff: ModelDiff, paint: Paint): string[] {
  const { size, parameters, parameterBytes, sparsity, macs, peakActivationBytes, nodes, irVersion, opsets } =
    diff;
  const count = (value: number): string => value.toLocaleString("en");
  const rows = [
    row("size", size, bytesText, true),
    row("parameters", parameters, count),
    row("bytes of parameters", parameterBytes, bytesText, true),
    row("zeros", sparsity, percentText),
    row("MACs", macs, countText, true),
    row("activations at once", peakActivationBytes, bytesText, true),
    row("nodes", nodes, count),
    row("IR version", irVersion, count),
    ...opsets.map(({ domain, before, after }) => [
      `opset ${printable(domain)}`,
      before === null ? "–" : String(before),
      after === null ? "–" : String(after),
      "",
    ]),
  ];
  return textTable([["", "before", "after", ""].map((cell) => paint.bold(cell)), ...rows], [0, 3]);
}

function row(
  name: string,
  { before, after }: Change<number | null>,
  text: (value: number) => string,
  isSize = false,
): string[] {
  return [
    name,
    before === null ? "?" : text(before),
    after === null ? "?" : text(after),
    isSize ? changeText(before, after) : "",
  ];
}

function changeText(before: number | null, after: number | null): string {
  if (before === null || after === null || before === after) return "";
  const ratio = before / after;
  return ratio > 1 ? `${ratioText(ratio)} smaller` : `${ratioText(1 / ratio)} larger`;
}

function values(kind: string, changes: readonly ValueChange[]): string[] {
  return changes.map(({ before, after }) => {
    if (before && after) return `${kind} changed: ${valueText(before)} → ${valueText(after)}`;
    return before ? `${kind} gone: ${valueText(before)}` : after ? `${kind} new: ${valueText(after)}` : "";
  });
}

function operators({ operators: all }: ModelDiff, paint: Paint): string[] {
  const changed = all.filter(({ before, after }) => before !== after);
  if (changed.length === 0) return [`the same operators, ${plural(all.length, "type")}`];
  const rows = changed.map(({ before, after, ...operator }) => [
    printable(operatorName(operator)),
    String(before),
    String(after),
    `${after > before ? "+" : "−"}${Math.abs(after - before)}`,
  ]);
  return textTable([["operator", "before", "after", ""].map((cell) => paint.bold(cell)), ...rows]);
}

function weights({ weights: all }: ModelDiff, whole: boolean, paint: Paint): string[] {
  const changed = all.filter((weight) => weight.changed);
  const same = all.length - changed.length;
  if (changed.length === 0) return [`the same weights, ${all.length} in all`];
  const sorted = [...changed].sort((a, b) => saved(b) - saved(a));
  const shown = whole ? sorted : sorted.slice(0, FIRST_WEIGHTS);
  const rows = shown.map(({ name, before, after }) => [
    shortened(printable(name)),
    sideText(before),
    sideText(after),
    bytesChange(before, after),
    zerosText(before, after),
    distinctText(before, after),
  ]);
  const rest = [
    ...(sorted.length > shown.length
      ? [`${plural(sorted.length - shown.length, "more weight")} changed: ${option("all")} lists them`]
      : []),
    ...(same > 0 ? [`${plural(same, "weight")} unchanged`] : []),
  ];
  return [
    ...textTable(
      [["weight", "before", "after", "bytes", "zeros", "values"].map((cell) => paint.bold(cell)), ...rows],
      [0, 1, 2],
    ),
    ...rest.map((line) => paint.dim(line)),
  ];
}

function saved({ before, after }: WeightChange): number {
  return Math.abs((before?.bytes ?? 0) - (after?.bytes ?? 0));
}

function sideText(side: WeightSide | null): string {
  if (!side) return "–";
  const shape = side.shape
    ? side.shape.map((dim) => printable(String(dim ?? "?"))).join("×") || "scalar"
    : "?";
  return `${printable(side.type)} ${shape}${side.stored === "inline" ? "" : `, ${side.stored}`}`;
}

function bytesChange(before: WeightSide | null, after: WeightSide | null): string {
  return `${bytesText(before?.bytes ?? 0)} → ${bytesText(after?.bytes ?? 0)}`;
}

function zerosText(before: WeightSide | null, after: WeightSide | null): string {
  const text = (side: WeightSide | null): string =>
    side?.zeros == null ? "?" : percentText(side.elements === 0 ? 0 : side.zeros / side.elements);
  return !before?.zeros && !after?.zeros && before?.zeros === after?.zeros
    ? ""
    : `${text(before)} → ${text(after)}`;
}

function distinctText(before: WeightSide | null, after: WeightSide | null): string {
  const text = (side: WeightSide | null): string =>
    side?.zeros == null ? "?" : side.distinct === null ? "> 256" : String(side.distinct);
  return before?.distinct === after?.distinct && before?.zeros != null && after?.zeros != null
    ? ""
    : `${text(before)} → ${text(after)}`;
}
