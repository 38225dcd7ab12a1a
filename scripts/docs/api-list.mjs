/** What the library exports, as its declarations say it, comments included. */
import ts from "typescript";
import { openDeclarations, unaliased } from "../declarations.mjs";
import { code, escaped, table } from "./table.mjs";

const KINDS = [
  ["Functions", (node) => ts.isFunctionDeclaration(node)],
  ["Classes", (node) => ts.isClassDeclaration(node)],
  ["Values", (node) => ts.isVariableDeclaration(node) || ts.isEnumDeclaration(node)],
  ["Types", (node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)],
];

export function apiList() {
  const { checker, exported } = openDeclarations();
  const names = new Map(exported.map(({ name, symbol }) => [symbol, name]));
  const entries = exported.map(({ name, symbol }) => ({ name, nodes: symbol.declarations }));
  return KINDS.map(([title, isKind]) => {
    const own = entries.filter(({ nodes }) => isKind(nodes[0]));
    return [`## ${title}`, ...own.map((entry) => textOf(entry, checker, names))].join("\n\n");
  }).join("\n\n");
}

/** The keys of the report with their types, one line each, as deep as types of this package go. */
export function reportKeys() {
  const { checker, exported } = openDeclarations();
  const { symbol } = exported.find(({ name }) => name === "Report");
  return table(["key", "type", "what"], keysOf(checker.getDeclaredTypeOfSymbol(symbol), "", checker, []));
}

function textOf({ name, nodes }, checker, names) {
  const texts = nodes.map((node) =>
    declarationText(ts.isVariableDeclaration(node) ? node.parent.parent : node, checker, names),
  );
  return `### ${name}\n\n\`\`\`ts\n${[...new Set(texts)].join("\n")}\n\`\`\``;
}

/** Without "export declare", without what is private, and with the names that callers can import. */
function declarationText(node, checker, names) {
  const file = node.getSourceFile();
  const start = ts.getJSDocCommentsAndTags(node)[0]?.getStart(file) ?? node.getStart(file);
  let text = file.text.slice(start, node.getEnd());
  for (const { from, to, by } of replacements(node, checker, names).reverse())
    text = text.slice(0, from - start) + by + text.slice(to - start);
  return text
    .replaceAll(
      /\b(?:export declare|export|declare) (?=(?:abstract )?(?:function|class|const|enum|interface|type)\b)/g,
      "",
    )
    .replaceAll(/(?:^ +\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?^ +private [^\n]*\n/gm, "");
}

/** What a declaration says by names of the code, in order: exports under another name, and lists of values. */
function replacements(node, checker, names) {
  const found = [];
  const replace = (part, by) => found.push({ from: part.getStart(), to: part.getEnd(), by });
  const visit = (part) => {
    if (ts.isIndexedAccessTypeNode(part) && part.objectType.getText().startsWith("(typeof ")) {
      const type = checker.getTypeFromTypeNode(part);
      const values = checker.typeToString(type, undefined, ts.TypeFormatFlags.InTypeAlias);
      return replace(part, ts.isArrayTypeNode(part.parent) ? `(${values})` : values);
    }
    const symbol = ts.isIdentifier(part) ? checker.getSymbolAtLocation(part) : undefined;
    const name = symbol && names.get(unaliased(checker, symbol));
    if (name !== undefined && name !== part.text) replace(part, name);
    ts.forEachChild(part, visit);
  };
  visit(node);
  return found;
}

function keysOf(type, prefix, checker, above) {
  return checker.getPropertiesOfType(type).flatMap((property) => {
    const own = checker.getTypeOfSymbol(property);
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    const { inner, suffix } = innerOf(own, checker);
    const key = `${prefix}${property.name}${suffix}`;
    const comment = plain(ts.displayPartsToString(property.getDocumentationComment(checker)));
    const word = inner ? (suffix === "[]" ? "list of objects" : "object") : scalarText(own, checker);
    const isNullable = inner && own.isUnion() && own.types.some(({ flags }) => flags & ts.TypeFlags.Null);
    const shown = `${word}${isNullable ? " or null" : ""}${isOptional ? ", may be absent" : ""}`;
    const row = [code(key), escaped(shown), escaped(comment)];
    const isNew = inner && !above.includes(inner);
    return [row, ...(isNew ? keysOf(inner, `${key}.`, checker, [...above, inner]) : [])];
  });
}

/** The object whose keys follow, behind null, undefined, lists and records. */
function innerOf(type, checker) {
  const parts = (type.isUnion() ? type.types : [type]).filter(
    ({ flags }) => !(flags & (ts.TypeFlags.Null | ts.TypeFlags.Undefined)),
  );
  if (parts.length !== 1) return { inner: undefined, suffix: "" };
  const [part] = parts;
  const element = checker.isArrayType(part) ? checker.getTypeArguments(part)[0] : part.getStringIndexType();
  const suffix = element === undefined ? "" : checker.isArrayType(part) ? "[]" : ".<name>";
  const inner = element ?? part;
  const isOwn = (inner.flags & ts.TypeFlags.Object) !== 0 && checker.getPropertiesOfType(inner).length > 0;
  const isList = checker.isArrayType(inner) || checker.isTupleType(inner);
  return { inner: isOwn && !isList ? inner : undefined, suffix };
}

/** On one line, with names in place of links. */
function plain(comment) {
  return comment.replaceAll(/\{@link[\s*]+(\w+)\}/g, "`$1`").replaceAll(/\s+/g, " ");
}

function scalarText(type, checker) {
  const text = checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation);
  return `\`${text.replaceAll("readonly ", "").replaceAll(" | undefined", "")}\``;
}
