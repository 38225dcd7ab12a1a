/** What `edgec inspect` prints for a person. */
import type { FileParts, InspectedValue, Inspection } from "../inspect/inspection.js";
import { layerRows, type LayerSort } from "./layer-rows.js";
import { operatorName } from "../ir/index.js";
import { PLAIN, type Paint } from "./paint.js";
import { statusCounts } from "./pass-summaries.js";
import { textTable } from "./text-table.js";
import { bytesText, countText, percentText, plural, printable } from "../units.js";
import { option } from "../option-names.js";

interface InspectionTextOptions {
  /** Lists every node by name. */
  readonly nodes?: boolean;
  /** Lists every layer with its full name, instead of the first 20. */
  readonly all?: boolean;
  readonly sort?: LayerSort;
}

const FIRST_LAYERS = 20;

/** Facts, operators, layers, and what passes would do. Ends with a newline. */
export function inspectionText(
  inspection: Inspection,
  options: InspectionTextOptions = {},
  paint: Paint = PLAIN,
): string {
  const sections = [
    header(inspection),
    operators(inspection, paint),
    layers(inspection, options, paint),
    nodeLines(inspection, options, paint),
    possibilityLines(inspection, paint),
    [
      ...inspection.problems.map((problem) => `${paint.red("not valid:")} ${printable(problem)}`),
      ...inspection.warnings.map((warning) => `${paint.yellow("warning:")} ${printable(warning)}`),
    ],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function header(inspection: Inspection): string[] {
  const {
    path,
    fileBytes,
    opsets,
    irVersion,
    producer,
    functions,
    parameters,
    parameterBytes,
    sparsity,
    parts,
  } = inspection;
  const facts: string[][] = [
    [
      "file",
      [printable(path ?? "(in memory)"), fileBytes === null ? "" : bytesText(fileBytes)]
        .filter(Boolean)
        .join(", "),
    ],
    [
      "opset",
      `${opsets.map(({ domain, version }) => `${printable(domain)} ${version}`).join(", ")} ` +
        `(IR version ${irVersion})`,
    ],
    ...(producer === "" ? [] : [["producer", printable(producer)]]),
    ...(functions === 0 ? [] : [["functions", String(functions)]]),
    ...inspection.inputs.map((value) => ["input", valueText(value)]),
    ...inspection.outputs.map((value) => ["output", valueText(value)]),
    [
      "parameters",
      `${parameters.toLocaleString("en")}, ${bytesText(parameterBytes)}` +
        (sparsity === null ? "" : `, ${percentText(sparsity)} of the floating-point ones are zero`),
    ],
    ["bytes", partsText(parts)],
    ...inspection.notes.map((note) => ["assumed", printable(note)]),
    ["MACs", macsText(inspection)],
    ["activations", activationsText(inspection)],
  ];
  return textTable(facts, [0, 1]);
}

export function valueText({ name, type, shape }: InspectedValue): string {
  return `${printable(name)}: ${printable(type)}${shape ? ` ${shapeText(shape)}` : ""}`;
}

function shapeText(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((dimension) => printable(String(dimension ?? "?"))).join(", ")}]`;
}

const PARTS: readonly (readonly [keyof FileParts, string])[] = [
  ["initializers", "initializers"],
  ["external", "in other files"],
  ["constantNodes", "Constant nodes"],
  ["attributes", "tensors in attributes"],
  ["sparseInitializers", "sparse initializers"],
  ["structure", "graph structure"],
  ["docStrings", "doc strings"],
  ["metadata", "metadata"],
];

function partsText(parts: FileParts): string {
  const told = PARTS.flatMap(([key, name]) =>
    parts[key] === null || parts[key] === 0 ? [] : [`${name} ${bytesText(parts[key])}`],
  );
  return told.join(", ") || "none";
}

function macsText({ macs, unknownMacs, inputs }: Inspection): string {
  if (unknownMacs === 0) return countText(macs ?? 0);
  const known = macs === null || macs === 0 ? "unknown" : `${countText(macs)} and more`;
  return `${known}: sizes of ${plural(unknownMacs, "node")} are not known. ${help(inputs)}`;
}

/** How to specify unknown sizes. */
function help(inputs: readonly InspectedValue[]): string {
  // An open batch counts as one sample.
  const isTaken = (shape: InspectedValue["shape"], axis: number): boolean =>
    axis === 0 && (shape?.length ?? 0) > 1;
  const taken = new Set(inputs.flatMap(({ shape }) => (isTaken(shape, 0) ? [shape?.[0]] : [])));
  const symbol = inputs
    .flatMap(({ shape }) => shape ?? [])
    .find((dim): dim is string => typeof dim === "string" && !taken.has(dim));
  const open = inputs.find(
    ({ shape }) => !shape || shape.some((dim, axis) => dim === null && !isTaken(shape, axis)),
  );
  if (symbol !== undefined) return `Give ${printable(option("dims", { [symbol]: 1 }))}`;
  return open
    ? `Give ${printable(option("shapes", { [open.name]: "…" }))}`
    : `${option("run")} takes them from a run on zeros`;
}

function activationsText({ activations: { totalBytes, peakBytes, unknown } }: Inspection): string {
  if (totalBytes === null) return `unknown for ${plural(unknown, "node")}`;
  return `${bytesText(totalBytes)}${peakBytes === null ? "" : `, at most ${bytesText(peakBytes)} at once`}`;
}

function operators({ operators: found, nodes, unknownMacs, macs }: Inspection, paint: Paint): string[] {
  const hasMacs = unknownMacs > 0 || (macs ?? 0) > 0;
  const rows = found.map(
    ({ count, parameters, bytes, macs: own, unknownMacs: open, activationBytes, ...operator }) => [
      printable(operatorName(operator)),
      String(count),
      parameters === 0 ? "" : parameters.toLocaleString("en"),
      bytes === 0 ? "" : bytesText(bytes),
      ...(hasMacs
        ? [open > 0 ? (own > 0 ? `> ${countText(own)}` : "?") : own === 0 ? "" : countText(own)]
        : []),
      activationBytes === 0 ? "" : bytesText(activationBytes),
    ],
  );
  const head = ["operator", "nodes", "parameters", "bytes", ...(hasMacs ? ["MACs"] : []), "activations"].map(
    (cell) => paint.bold(cell),
  );
  return textTable([head, ...rows, ["total", String(nodes.length)]]);
}

function layers(
  inspection: Inspection,
  { all = false, sort = "bytes" }: InspectionTextOptions,
  paint: Paint,
): string[] {
  const { rows, left } = layerRows(inspection, sort, all ? Infinity : FIRST_LAYERS);
  if (rows.length === 0) return [];
  const head = [
    "layer",
    "operator",
    "weight",
    "bytes",
    "MACs",
    "zeros",
    "range",
    "values",
    ...(inspection.possibilities ? ["passes"] : []),
  ];
  return [
    ...textTable([head.map((cell) => paint.bold(cell)), ...rows], [0, 1, 2, 8]),
    ...(left > 0 ? [paint.dim(`and ${plural(left, "more layer")}: ${option("all")} lists them`)] : []),
  ];
}

function nodeLines(
  { nodes }: Inspection,
  { nodes: wanted = false }: InspectionTextOptions,
  paint: Paint,
): string[] {
  if (!wanted) return [];
  const rows = nodes.map(({ name, opType, scope, shape, activationBytes }) => [
    printable(name),
    printable(opType),
    shape ? shapeText(shape) : "",
    activationBytes === null ? "?" : activationBytes === 0 ? "" : bytesText(activationBytes),
    printable(scope),
  ]);
  return textTable(
    [["node", "operator", "output", "bytes", "scope"].map((cell) => paint.bold(cell)), ...rows],
    [0, 1, 2, 4],
  );
}

/** Nodes by pass and reason. */
function possibilityLines({ possibilities }: Inspection, paint: Paint): string[] {
  if (!possibilities || possibilities.length === 0) return [];
  const calibrated = new Set(possibilities.filter((each) => each.calibrated).map(({ pass }) => pass));
  const named = possibilities.map((each) => ({
    ...each,
    pass: calibrated.has(each.pass)
      ? `${each.pass} ${each.calibrated ? "with" : "without"} calibration data`
      : each.pass,
  }));
  const lines = statusCounts({ nodes: named }).map(({ pass, status, reason, count, examples }) => {
    const names = count > examples.length ? `${examples.join(", ")}, …` : examples.join(", ");
    return (
      `${pass}: ${count} ${status === "changed" ? paint.green("possible") : "kept"}: ` +
      `${reason} ${paint.dim(`(${names})`)}`
    );
  });
  return [paint.bold("what passes would do, tried on a copy"), ...lines];
}
