/**
 * The reader for `printModel`'s text: models written by hand, for golden tests and examples. Anything that the
 * text omits (documentation, metadata, values of large constants) cannot be read back.
 */
import { requireText } from "../../arguments.js";
import { emptyGraph, type Graph, type Node, type Attribute } from "../graph.js";
import type { FunctionDef, Model, OpsetImport } from "../model.js";
import { standardDomain } from "../operator-set.js";
import type { ValueInfo } from "../value.js";
import { parseAttribute } from "./attributes.js";
import { parseConstant } from "./constants.js";
import { NAME_SOURCE, TextCursor } from "./cursor.js";
import { parseEncoded, parseType } from "./types.js";

const OPSET = new RegExp(String.raw`${NAME_SOURCE}=(?:\d+|\?)`, "y");
const DEFAULT = new RegExp(String.raw`${NAME_SOURCE}\s*=`, "y");

/** Reads a model from text. Throws BadModelError that names the line. */
export function parseModel(text: string): Model {
  requireText("parseModel", "the model", text);
  const cursor = new TextCursor(text);
  cursor.expect("model");
  cursor.expect("ir=");
  const version = cursor.word(/\d+|\?/y) ?? cursor.fail("expected a number");
  const opsetImports = parseOpsets(cursor);
  if (!cursor.acceptWord("graph")) cursor.fail('expected "graph"');
  const graph = parseGraph(cursor);
  const functions: FunctionDef[] = [];
  while (!cursor.isAtEnd) functions.push(parseFunction(cursor));
  const irVersion = version === "?" ? {} : { irVersion: BigInt(version) };
  return { ...irVersion, opsetImports, graph, functions, trainingInfo: [], deviceConfigurations: [] };
}

/** `ai.onnx=17 com.microsoft=1`. */
function parseOpsets(cursor: TextCursor): OpsetImport[] {
  const imports: OpsetImport[] = [];
  while (cursor.comesNext(OPSET)) {
    const domain = cursor.name();
    cursor.expect("=");
    const version = cursor.word(/\d+|\?/y) ?? cursor.fail("expected a version");
    const known = version === "?" ? {} : { version: BigInt(version) };
    imports.push({ domain: standardDomain(domain), ...known });
  }
  return imports;
}

/** After the word `graph`: the name and the content in braces. */
function parseGraph(cursor: TextCursor): Graph {
  const graph = cursor.sees("{") ? emptyGraph() : emptyGraph(cursor.name());
  cursor.expect("{");
  while (!cursor.accept("}")) parseGraphItem(cursor, graph);
  const declared = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !declared.has(name));
  return graph;
}

function parseGraphItem(cursor: TextCursor, graph: Graph): void {
  if (cursor.acceptWord("input")) graph.inputs.push(parseValue(cursor));
  else if (cursor.acceptWord("output")) graph.outputs.push(parseValue(cursor));
  else if (cursor.acceptWord("sparse")) {
    cursor.expect("const");
    graph.sparseInitializers.push(parseEncoded(cursor, "a sparse constant"));
  } else if (cursor.acceptWord("const")) {
    const { name } = parseTypedName(cursor);
    graph.initializers.push(parseConstant(cursor, name));
  } else if (cursor.comesNext(/[%_=]/y)) graph.nodes.push(parseNode(cursor, graph.valueInfo));
  else cursor.fail('expected input, const, output, a node such as %y = Relu(%x), or "}"');
}

/** `%x: f32[1,4]`; the type may be absent. */
function parseValue(cursor: TextCursor): ValueInfo {
  const { name, isTyped } = parseTypedName(cursor);
  return isTyped ? { name, type: parseType(cursor) } : { name };
}

/** `%x:`; a plain name may contain colons, but one at its end introduces the type. */
function parseTypedName(cursor: TextCursor): { name: string; isTyped: boolean } {
  cursor.expect("%");
  const isQuoted = cursor.comesNext(/"/y);
  const name = cursor.name();
  if (!isQuoted && name.endsWith(":")) return { name: name.slice(0, -1), isTyped: true };
  return { name, isTyped: cursor.accept(":") };
}

function parseNode(cursor: TextCursor, valueInfo: ValueInfo[]): Node {
  const outputs = parseOutputs(cursor, valueInfo);
  const operator = parseOperator(cursor);
  const inputs = parseReferences(cursor);
  const attributes: Attribute[] = [];
  let name = cursor.comment();
  if (name === undefined && cursor.accept("{")) {
    name = cursor.comment();
    while (!cursor.accept("}")) attributes.push(parseAttribute(cursor, () => parseGraph(cursor)));
    name ??= cursor.comment();
  }
  return { ...operator, inputs, outputs, attributes, ...(name === undefined ? {} : { name }) };
}

function parseOutputs(cursor: TextCursor, valueInfo: ValueInfo[]): string[] {
  const outputs: string[] = [];
  while (!cursor.accept("=")) {
    const value = cursor.accept("_") ? { name: "" } : parseValue(cursor);
    outputs.push(value.name);
    if ("type" in value) valueInfo.push(value);
  }
  return outputs;
}

/** `Conv`, `com.microsoft::Gelu`, `domain::Name:overload`. */
function parseOperator(cursor: TextCursor): Pick<Node, "domain" | "opType" | "overload"> {
  const first = cursor.namePart();
  const hasDomain = cursor.accept("::");
  const opType = hasDomain ? cursor.namePart() : first;
  const overload = cursor.accept(":") ? cursor.namePart() : undefined;
  return { opType, ...(hasDomain ? { domain: first } : {}), ...(overload === undefined ? {} : { overload }) };
}

function parseReferences(cursor: TextCursor): string[] {
  cursor.expect("(");
  const names: string[] = [];
  while (!cursor.accept(")")) {
    if (cursor.accept("%")) names.push(cursor.name());
    else if (cursor.acceptWord("_")) names.push("");
    else cursor.fail("expected a value such as %x, or _ for an omitted one");
  }
  return names;
}

/** `function d::F(%a) -> (%b) {axis, k=2} {` on a line, the operator sets, the nodes, `}`. */
function parseFunction(cursor: TextCursor): FunctionDef {
  if (!cursor.acceptWord("function")) cursor.fail('expected "function" or the end');
  const { opType: name, ...rest } = parseOperator(cursor);
  const inputs = parseReferences(cursor);
  cursor.expect("->");
  const outputs = parseReferences(cursor);
  const attributeNames: string[] = [];
  const attributeDefaults: Attribute[] = [];
  if (cursor.comesNext(/\{[ \t]*[^\s]/y)) parseParameters(cursor, attributeNames, attributeDefaults);
  cursor.expect("{");
  const opsetImports = parseOpsets(cursor);
  const nodes: Node[] = [];
  const valueInfo: ValueInfo[] = [];
  while (!cursor.accept("}")) nodes.push(parseNode(cursor, valueInfo));
  return {
    name,
    ...rest,
    inputs,
    outputs,
    attributeNames,
    attributeDefaults,
    nodes,
    opsetImports,
    valueInfo,
  };
}

/** `{axis, k=2}`: attributes that a call must supply, and those with a default. */
function parseParameters(cursor: TextCursor, names: string[], defaults: Attribute[]): void {
  cursor.expect("{");
  while (!cursor.accept("}")) {
    if (cursor.comesNext(DEFAULT)) defaults.push(parseAttribute(cursor, () => parseGraph(cursor)));
    else names.push(cursor.name());
  }
}
