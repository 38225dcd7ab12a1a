/** What `edgec inspect` prints for a person. */
import type { InspectedValue, Inspection } from "../pipeline/inspect.js";
import { textTable } from "./text-table.js";
import { bytesText, percentText, plural, printable } from "./units.js";

export function inspectionText(inspection: Inspection, { nodes }: { readonly nodes: boolean }): string {
  const lines = [...header(inspection), "", ...operators(inspection)];
  if (nodes) lines.push("", ...textTable([["node", "operator"], ...inspection.nodes.map(({ name, opType }) => [printable(name), printable(opType)])], [0, 1]));
  return `${lines.join("\n")}\n`;
}

function header(inspection: Inspection): string[] {
  const { path, fileBytes, opsets, irVersion, producer, externalTensors, parameters, parameterBytes, sparsity } = inspection;
  const facts: string[][] = [
    ["file", [path ?? "(in memory)", fileBytes === null ? "" : bytesText(fileBytes)].filter(Boolean).join(", ")],
    ["opset", `${opsets.map(({ domain, version }) => `${domain} ${version}`).join(", ")} (IR version ${irVersion})`],
    ...(producer === "" ? [] : [["producer", printable(producer)]]),
    ...inspection.inputs.map((value) => ["input", valueText(value)]),
    ...inspection.outputs.map((value) => ["output", valueText(value)]),
    ["parameters", `${parameters.toLocaleString("en")}, ${bytesText(parameterBytes)}${sparsity === null ? "" : `, ${percentText(sparsity)} of the floating-point ones are zero`}`],
    ...(externalTensors === 0 ? [] : [["external", `${plural(externalTensors, "tensor")} in other files`]]),
  ];
  return textTable(facts, [0, 1]);
}

function valueText({ name, type, shape }: InspectedValue): string {
  return `${printable(name)}: ${type}${shape ? ` [${shape.map((dimension) => printable(String(dimension ?? "?"))).join(", ")}]` : ""}`;
}

function operators({ operators: found, nodes }: Inspection): string[] {
  const rows = found.map(({ opType, domain, count, parameters, bytes }) => [
    printable(domain === "ai.onnx" ? opType : `${domain}.${opType}`), String(count), parameters.toLocaleString("en"), bytes === 0 ? "" : bytesText(bytes),
  ]);
  return textTable([["operator", "nodes", "parameters", "bytes"], ...rows, ["total", String(nodes.length)]]);
}
