/**
 * A stable text dump of a model, for golden tests and for people: one line per node, `%y: f32[1,10] = Gemm(%x,
 * %w, %b) {transB=1}`. Small constants are printed in full, large ones as size and checksum.
 */
import { requireModel } from "../arguments.js";
import { notNegative } from "../option-checks.js";
import { type KeysOf, refuseUnknown } from "../option-keys.js";
import { AttributeType } from "./attribute.js";
import { encodedText, quoted, typeText } from "./print-type.js";
import { constantText, floatText, SHOWN, textOf } from "./print-values.js";
import { domainName, standardDomain } from "./operator-set.js";
import type { Graph, Node, Attribute } from "./graph.js";
import type { FunctionDef, Model, OpsetImport } from "./model.js";
import type { TypeInfo } from "./value.js";

export interface PrintOptions {
  /** Constants of up to this many elements are shown in full; default 16. */
  readonly shown?: number;
}

const PRINT_KEYS = { shown: notNegative } satisfies KeysOf<PrintOptions>;

/**
 * The model as text. The same model gives the same text on every machine; external data is not loaded.
 * `parseModel` reads it back, unless the values of a large constant are omitted.
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  requireModel("printModel", model);
  refuseUnknown("printModel", PRINT_KEYS, options);
  const { shown = SHOWN } = options;
  const head = `model ir=${model.irVersion ?? "?"} ${opsetsText(model.opsetImports)}`.trimEnd();
  const lines = [head, ...graphLines(model.graph, shown)];
  for (const fn of model.functions) lines.push(...functionLines(fn, shown));
  return `${lines.join("\n")}\n`;
}

/** One graph as text, in the form of `printModel`. */
export function printGraph(graph: Graph): string {
  return `${graphLines(graph, SHOWN).join("\n")}\n`;
}

function opsetsText(imports: readonly OpsetImport[]): string {
  return imports.map(({ domain, version }) => `${nameText(domainName(domain))}=${version ?? "?"}`).join(" ");
}

function graphLines(graph: Graph, shown: number): string[] {
  const types = declaredTypes(graph);
  return [
    `graph${graph.name === undefined ? "" : ` ${nameText(graph.name)}`} {`,
    ...graph.inputs.map(({ name, type }) => `  input ${valueText(name, type)}`),
    ...graph.initializers.map(
      (tensor) => `  const %${valueName(tensor.name ?? "")}: ${constantText(tensor, shown)}`,
    ),
    ...graph.sparseInitializers.map((message) => `  sparse const ${encodedText(message)}`),
    ...graph.nodes.flatMap((node) => indent(nodeLines(node, types, shown))),
    ...graph.outputs.map(({ name, type }) => `  output ${valueText(name, type)}`),
    "}",
  ];
}

/** Attributes are on the line of the name; a brace at the end of that line starts the body. */
function functionLines(fn: FunctionDef, shown: number): string[] {
  const attributes = [
    ...fn.attributeNames.map(nameText),
    ...fn.attributeDefaults.map((a) => attributeLines(a, shown).join(" ")),
  ];
  const types = new Map(fn.valueInfo.map((value) => [value.name, value.type]));
  const name = operatorText(fn.domain, fn.name ?? "", fn.overload);
  const signature = `(${fn.inputs.map(reference).join(", ")}) -> (${fn.outputs.map(reference).join(", ")})`;
  return [
    `function ${name}${signature}${attributes.length > 0 ? ` {${attributes.join(", ")}}` : ""} {`,
    ...(fn.opsetImports.length > 0 ? [`  ${opsetsText(fn.opsetImports)}`] : []),
    ...fn.nodes.flatMap((node) => indent(nodeLines(node, types, shown))),
    "}",
  ];
}

function declaredTypes(graph: Graph): Map<string, TypeInfo | undefined> {
  return new Map(
    [...graph.valueInfo, ...graph.inputs, ...graph.outputs].map((value) => [value.name, value.type]),
  );
}

function nodeLines(node: Node, types: ReadonlyMap<string, TypeInfo | undefined>, shown: number): string[] {
  const outputs = node.outputs
    .map((name) => (name === "" ? "_" : valueText(name, types.get(name))))
    .join(", ");
  const operator = operatorText(standardDomain(node.domain), node.opType, node.overload);
  const call = `${outputs === "" ? "" : `${outputs} `}= ${operator}(${node.inputs.map(reference).join(", ")})`;
  const name = node.name === undefined || node.name === "" ? "" : `  # ${nameText(node.name)}`;
  const attributes = node.attributes.map((a) => attributeLines(a, shown));
  if (attributes.length === 0) return [call + name];
  const isShort = attributes.every((lines) => lines.length === 1);
  if (isShort) return [`${call} {${attributes.map(([line]) => line).join(", ")}}${name}`];
  return [`${call} {${name}`, ...attributes.flatMap(indent), "}"];
}

function valueText(name: string, type: TypeInfo | undefined): string {
  return type === undefined ? `%${valueName(name)}` : `%${valueName(name)}: ${typeText(type)}`;
}

function reference(name: string): string {
  return name === "" ? "_" : `%${valueName(name)}`;
}

/** Plain names unquoted; others in quotes, so that a name cannot be mistaken for syntax. */
function nameText(name: string): string {
  return /^[\w./:@-]+$/.test(name) ? name : quoted(name);
}

/** A colon at the end would look like the one before a type. */
function valueName(name: string): string {
  return name.endsWith(":") ? quoted(name) : nameText(name);
}

/** `domain::Name:overload`. */
function operatorText(domain: string | undefined, name: string, overload: string | undefined): string {
  const part = (text: string): string => (text.includes(":") ? quoted(text) : nameText(text));
  const before = domain === undefined || domain === "" ? "" : `${part(domain)}::`;
  return `${before}${part(name)}${overload === undefined || overload === "" ? "" : `:${part(overload)}`}`;
}

function attributeLines(attribute: Attribute, shown: number): string[] {
  const [first = "", ...rest] = valueLines(attribute, shown);
  return [`${nameText(attribute.name)}=${first}`, ...rest];
}

function valueLines(a: Attribute, shown: number): string[] {
  if (a.refAttrName !== undefined) return [`@${nameText(a.refAttrName)}`];
  if (a.g) return graphLines(a.g, shown);
  if (a.graphs) return listLines(a.graphs.map((graph) => graphLines(graph, shown)));
  if (a.f !== undefined) return [decimal(a.f)];
  if (a.i !== undefined) return [String(a.i)];
  if (a.s) return [textOf(a.s)];
  if (a.t) return [constantText(a.t, shown)];
  if (a.tp) return [typeText(a.tp)];
  const list = listOf(a, shown);
  if (list) return [`[${list.join(", ")}]`];
  const sparse = a.sparseTensor ? [a.sparseTensor] : a.sparseTensors;
  return [sparse ? `<sparse ${sparse.map(encodedText).join(" and ")}>` : (EMPTY[a.type ?? 0] ?? "?")];
}

function listOf(a: Attribute, shown: number): string[] | undefined {
  return (
    a.floats?.map(decimal) ??
    a.ints?.map(String) ??
    a.strings?.map(textOf) ??
    a.tensors?.map((tensor) => constantText(tensor, shown)) ??
    a.typeProtos?.map(typeText)
  );
}

/** The default of each kind, for values omitted from the file. */
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

/** A float attribute, distinguished from an integer by its decimal point. */
function decimal(value: number): string {
  const text = floatText(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function listLines(items: readonly string[][]): string[] {
  return ["[", ...items.flatMap(indent), "]"];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
