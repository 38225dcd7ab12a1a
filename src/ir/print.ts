/**
 * A stable text dump of a model, for golden tests and for eyes: one line a node,
 * `%y: f32[1,10] = Gemm(%x, %w, %b) {transB=1}`. Small constants are shown, large ones by size and checksum.
 */
import { AttributeType } from "./attribute.js";
import { typeText } from "./print-type.js";
import { constantText, floatText, quoted } from "./print-values.js";
import type { Graph, Node, Attribute } from "./graph.js";
import type { FunctionDef, Model, OpsetImport } from "./model.js";
import type { TypeInfo } from "./value.js";

/** The model as text. The same model gives the same text on every machine; external data is not loaded. */
export function printModel(model: Model): string {
  const lines = [
    `model ir=${model.irVersion ?? "?"} ${opsetsText(model.opsetImports)}`,
    ...graphLines(model.graph),
  ];
  for (const fn of model.functions) lines.push(...functionLines(fn));
  return `${lines.join("\n")}\n`;
}

/** One graph as text, as `printModel` shows it. */
export function printGraph(graph: Graph): string {
  return `${graphLines(graph).join("\n")}\n`;
}

function opsetsText(imports: readonly OpsetImport[]): string {
  return imports
    .map(
      ({ domain, version }) =>
        `${domain === undefined || domain === "" ? "ai.onnx" : domain}=${version ?? "?"}`,
    )
    .join(" ");
}

function graphLines(graph: Graph): string[] {
  const types = declaredTypes(graph);
  return [
    `graph${graph.name === undefined ? "" : ` ${nameText(graph.name)}`} {`,
    ...graph.inputs.map(({ name, type }) => `  input ${valueText(name, type)}`),
    ...graph.initializers.map((tensor) => `  const %${nameText(tensor.name ?? "")}: ${constantText(tensor)}`),
    ...graph.sparseInitializers.map(({ bytes }) => `  sparse const of ${bytes.byteLength} encoded bytes`),
    ...graph.nodes.flatMap((node) => indent(nodeLines(node, types))),
    ...graph.outputs.map(({ name, type }) => `  output ${valueText(name, type)}`),
    "}",
  ];
}

function functionLines(fn: FunctionDef): string[] {
  const name = [fn.domain, fn.name, fn.overload]
    .filter((part) => part !== undefined && part !== "")
    .map((part) => nameText(part ?? ""))
    .join("::");
  const attributes = [
    ...fn.attributeNames,
    ...fn.attributeDefaults.flatMap((a) => attributeLines(a).join(" ")),
  ];
  const types = new Map(fn.valueInfo.map((value) => [value.name, value.type]));
  return [
    `function ${name}(${fn.inputs.map(reference).join(", ")}) -> ` +
      `(${fn.outputs.map(reference).join(", ")})${attributes.length > 0 ? ` {${attributes.join(", ")}}` : ""} ` +
      "{",
    `  ${opsetsText(fn.opsetImports)}`,
    ...fn.nodes.flatMap((node) => indent(nodeLines(node, types))),
    "}",
  ];
}

function declaredTypes(graph: Graph): Map<string, TypeInfo | undefined> {
  return new Map(
    [...graph.valueInfo, ...graph.inputs, ...graph.outputs].map((value) => [value.name, value.type]),
  );
}

function nodeLines(node: Node, types: ReadonlyMap<string, TypeInfo | undefined>): string[] {
  const outputs = node.outputs
    .map((name) => (name === "" ? "_" : valueText(name, types.get(name))))
    .join(", ");
  const domain =
    node.domain === undefined || node.domain === "" || node.domain === "ai.onnx"
      ? ""
      : `${nameText(node.domain)}::`;
  const overload = node.overload === undefined || node.overload === "" ? "" : `:${nameText(node.overload)}`;
  const call = `${outputs} = ${domain}${nameText(node.opType)}${overload}(${node.inputs.map(reference).join(", ")})`;
  const name = node.name === undefined || node.name === "" ? "" : `  # ${nameText(node.name)}`;
  const attributes = node.attributes.map(attributeLines);
  if (attributes.length === 0) return [call + name];
  if (attributes.every((lines) => lines.length === 1))
    return [`${call} {${attributes.map(([line]) => line).join(", ")}}${name}`];
  return [`${call} {${name}`, ...attributes.flatMap(indent), "}"];
}

function valueText(name: string, type: TypeInfo | undefined): string {
  return type === undefined ? `%${nameText(name)}` : `%${nameText(name)}: ${typeText(type)}`;
}

function reference(name: string): string {
  return name === "" ? "_" : `%${nameText(name)}`;
}

/** Plain names as they are; others in quotes, so that nothing in a name can pass for something else. */
function nameText(name: string): string {
  return /^[\w./:@-]+$/.test(name) ? name : quoted(name);
}

function attributeLines(attribute: Attribute): string[] {
  const values = valueLines(attribute);
  const [first = "", ...rest] = values;
  return [`${nameText(attribute.name)}=${first}`, ...rest];
}

function valueLines(a: Attribute): string[] {
  if (a.refAttrName !== undefined) return [`@${nameText(a.refAttrName)}`];
  if (a.g) return graphLines(a.g);
  if (a.graphs) return listLines(a.graphs.map(graphLines));
  if (a.f !== undefined) return [decimal(a.f)];
  if (a.i !== undefined) return [String(a.i)];
  if (a.s) return [textOf(a.s)];
  if (a.t) return [constantText(a.t)];
  if (a.tp) return [typeText(a.tp)];
  const list =
    a.floats?.map(decimal) ??
    a.ints?.map(String) ??
    a.strings?.map(textOf) ??
    a.tensors?.map(constantText) ??
    a.typeProtos?.map(typeText);
  if (list) return [`[${list.join(", ")}]`];
  const sparse = a.sparseTensor ? [a.sparseTensor] : a.sparseTensors;
  return [
    sparse
      ? `<sparse, ${sparse.map(({ bytes }) => bytes.byteLength).join(" and ")} encoded bytes>`
      : (EMPTY[a.type ?? 0] ?? "?"),
  ];
}

/** What a kind stands for when its value is left out of the file. */
const EMPTY: Readonly<Record<number, string>> = {
  [AttributeType.FLOAT]: "0.0",
  [AttributeType.INT]: "0",
  [AttributeType.STRING]: '""',
  [AttributeType.FLOATS]: "[]",
  [AttributeType.INTS]: "[]",
  [AttributeType.STRINGS]: "[]",
  [AttributeType.TENSORS]: "[]",
  [AttributeType.GRAPHS]: "[]",
  [AttributeType.TYPE_PROTOS]: "[]",
};

/** A float attribute, told apart from an integer one by its point. */
function decimal(value: number): string {
  const text = floatText(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function textOf(bytes: Uint8Array): string {
  return quoted(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}

function listLines(items: readonly string[][]): string[] {
  return ["[", ...items.flatMap(indent), "]"];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
