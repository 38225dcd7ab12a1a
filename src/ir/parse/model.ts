/**
 * The reader for `printModel`'s text: models written by hand, for golden tests and examples. What the text leaves out
 * (documentation, metadata, values of large constants) cannot be read back.
 */
import { emptyGraph, type Graph } from "../graph.js";
import type { FunctionDef, Model, OpsetImport } from "../model.js";
import type { Attribute } from "../attribute.js";
import type { Node } from "../node.js";
import type { ValueInfo } from "../value.js";
import { TextCursor } from "./cursor.js";
import { parseAttribute, parseConstant, parseType } from "./values.js";

/** Reads a model from text. Throws EdgecError BAD_MODEL that names the line. */
export function parseModel(text: string): Model {
  const cursor = new TextCursor(text);
  cursor.expect("model");
  cursor.expect("ir=");
  const irVersion = BigInt(cursor.number() ?? cursor.fail("expected a number"));
  const opsetImports = parseOpsets(cursor);
  const graph = parseGraph(cursor);
  const functions: FunctionDef[] = [];
  while (!cursor.isAtEnd) functions.push(parseFunction(cursor));
  return { irVersion, opsetImports, graph, functions, trainingInfo: [], deviceConfigurations: [] };
}

/** `ai.onnx=17 com.microsoft=1`. */
function parseOpsets(cursor: TextCursor): OpsetImport[] {
  const imports: OpsetImport[] = [];
  for (let found = cursor.word(/[\w.]+=\d+/y); found !== undefined; found = cursor.word(/[\w.]+=\d+/y)) {
    const at = found.lastIndexOf("=");
    const domain = found.slice(0, at);
    imports.push({ domain: domain === "ai.onnx" ? "" : domain, version: BigInt(found.slice(at + 1)) });
  }
  return imports;
}

function parseGraph(cursor: TextCursor): Graph {
  cursor.expect("graph");
  const graph = cursor.sees("{") ? emptyGraph() : emptyGraph(cursor.name());
  cursor.expect("{");
  while (!cursor.accept("}")) {
    if (cursor.accept("input ")) graph.inputs.push(parseValue(cursor));
    else if (cursor.accept("output ")) graph.outputs.push(parseValue(cursor));
    else if (cursor.accept("const ")) graph.initializers.push(parseInitializer(cursor));
    else graph.nodes.push(parseNode(cursor, graph.valueInfo));
  }
  const declared = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !declared.has(name));
  return graph;
}

function parseInitializer(cursor: TextCursor): Graph["initializers"][number] {
  cursor.expect("%");
  const name = cursor.name().replace(/:$/, "");
  cursor.accept(":");
  return parseConstant(cursor, name);
}

/** `%x: f32[1,4]`; the type may be absent. */
function parseValue(cursor: TextCursor): ValueInfo {
  cursor.expect("%");
  return typed(cursor, cursor.name());
}

/** Plain names may hold colons, so one that ends in a colon has its type behind it. */
function typed(cursor: TextCursor, text: string): ValueInfo {
  const isTyped = text.endsWith(":") || cursor.sees(":");
  if (!isTyped) return { name: text };
  cursor.accept(":");
  return { name: text.replace(/:$/, ""), type: { tensor: parseType(cursor) } };
}

function parseNode(cursor: TextCursor, valueInfo: ValueInfo[]): Node {
  const outputs: string[] = [];
  while (!cursor.accept("=")) {
    const value = cursor.accept("_") ? { name: "" } : parseValue(cursor);
    outputs.push(value.name);
    if ("type" in value && value.type) valueInfo.push(value);
  }
  const { domain, opType, overload } = parseOperator(cursor);
  const inputs = parseReferences(cursor);
  const attributes: Attribute[] = [];
  let name = cursor.comment();
  if (name === undefined && cursor.sees("{")) {
    cursor.expect("{");
    name = cursor.comment();
    while (!cursor.accept("}")) attributes.push(parseAttribute(cursor, () => parseGraph(cursor)));
    name ??= cursor.comment();
  }
  return { opType, inputs, outputs, attributes, ...(domain === undefined ? {} : { domain }), ...(overload === undefined ? {} : { overload }), ...(name === undefined ? {} : { name }) };
}

/** `Conv`, `com.microsoft::Gelu`, `domain::Name:overload`. */
function parseOperator(cursor: TextCursor): Pick<Node, "domain" | "opType" | "overload"> {
  const parts = cursor.name().split("::");
  const last = parts.pop() ?? "";
  const [opType = "", overload] = last.split(":");
  return { opType, ...(parts.length > 0 ? { domain: parts.join("::") } : {}), ...(overload === undefined ? {} : { overload }) };
}

function parseReferences(cursor: TextCursor): string[] {
  cursor.expect("(");
  const names: string[] = [];
  while (!cursor.accept(")")) {
    if (cursor.accept("%")) names.push(cursor.name());
    else {
      cursor.expect("_");
      names.push("");
    }
  }
  return names;
}

/** `function d::F(%a) -> (%b) {axis, k=2} {`, the operator sets, the nodes, `}`. */
function parseFunction(cursor: TextCursor): FunctionDef {
  cursor.expect("function");
  const { domain, opType: name, overload } = parseOperator(cursor);
  const inputs = parseReferences(cursor);
  cursor.expect("->");
  const outputs = parseReferences(cursor);
  cursor.expect("{");
  const attributeNames: string[] = [];
  const attributeDefaults: Attribute[] = [];
  let opsetImports = parseOpsets(cursor);
  if (opsetImports.length === 0) {
    while (!cursor.accept("}")) attributeNames.push(cursor.name());
    cursor.expect("{");
    opsetImports = parseOpsets(cursor);
  }
  const nodes: Node[] = [];
  const valueInfo: ValueInfo[] = [];
  while (!cursor.accept("}")) nodes.push(parseNode(cursor, valueInfo));
  return { name, ...(domain === undefined ? {} : { domain }), ...(overload === undefined ? {} : { overload }), inputs, outputs, attributeNames, attributeDefaults, nodes, opsetImports, valueInfo };
}
