/**
 * The public API as text, from the declarations that the compiler made of src/index.ts: every export with its
 * resolved type, and the members of classes, interfaces and objects. test/api/public-api.txt holds what was
 * agreed on. `node scripts/public-api.mjs --write` takes the present one for agreed on.
 */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { openDeclarations, unaliased } from "./declarations.mjs";

export const AGREED = "test/api/public-api.txt";

const FORMAT =
  ts.TypeFormatFlags.NoTruncation |
  ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope |
  ts.TypeFormatFlags.WriteArrowStyleSignature |
  ts.TypeFormatFlags.UseSingleQuotesForStringLiteralType;

/** `text` of all exports, and `unnamed`: types that declarations name and that are not exported. */
export function publicApi() {
  const api = openDeclarations();
  const { exported } = api;
  return {
    // Some types are named by the file that declares them: by its path from here, wherever that is.
    text: exported
      .map(({ name, symbol }) => describe(api, name, symbol))
      .join("\n")
      .replaceAll(`${resolve(".").replaceAll("\\", "/")}/`, ""),
    unnamed: unnamedTypes(api, exported),
  };
}

function describe({ checker, source }, name, symbol) {
  const lines = [];
  const { flags } = symbol;
  const print = (type) => checker.typeToString(type, source, FORMAT);
  if (flags & ts.SymbolFlags.Function) {
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    for (const signature of type.getCallSignatures())
      lines.push(`function ${name}${checker.signatureToString(signature, source, FORMAT)}`);
  } else if (flags & ts.SymbolFlags.Class) {
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    lines.push(`class ${name}`);
    for (const signature of type.getConstructSignatures())
      lines.push(`  new ${checker.signatureToString(signature, source, FORMAT)}`);
    for (const member of type.getProperties().filter((each) => each.name !== "prototype"))
      lines.push(`  static ${memberText(member)}`);
    lines.push(...members(checker.getDeclaredTypeOfSymbol(symbol)));
  } else if (flags & ts.SymbolFlags.Variable) {
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    lines.push(`const ${name}: ${print(type)}`);
    if (isOwn(type.symbol) && type.symbol.flags & ts.SymbolFlags.ObjectLiteral) lines.push(...members(type));
  } else if (flags & ts.SymbolFlags.Enum) {
    lines.push(`enum ${name}`);
    for (const [, member] of symbol.exports)
      lines.push(`  ${member.name} = ${checker.getConstantValue(member.valueDeclaration)}`);
  }
  if (flags & ts.SymbolFlags.Interface) {
    lines.push(`interface ${name}${parameters(symbol)}`, ...members(checker.getDeclaredTypeOfSymbol(symbol)));
  } else if (flags & ts.SymbolFlags.TypeAlias) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const expanded = checker.typeToString(type, source, FORMAT | ts.TypeFormatFlags.InTypeAlias);
    lines.push(`type ${name}${parameters(symbol)} = ${expanded}`);
    if (!type.isUnion() && isObject(type)) lines.push(...members(type));
  }
  return `${lines.join("\n")}\n`;

  function members(type) {
    const calls = type.getCallSignatures().map((each) => checker.signatureToString(each, source, FORMAT));
    const properties = type.getProperties().filter((each) => isPublic(each) && isOwn(each));
    return [...calls.map((call) => `  ${call}`), ...properties.map((each) => `  ${memberText(each)}`)];
  }

  function memberText(member) {
    const isReadonly =
      ts.getCheckFlags?.(member) & 8 ||
      (member.declarations ?? []).some(
        (each) => ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Readonly || ts.isGetAccessor(each),
      );
    const isOptional = member.flags & ts.SymbolFlags.Optional;
    const type = checker.getTypeOfSymbolAtLocation(member, source);
    return `${isReadonly ? "readonly " : ""}${member.name}${isOptional ? "?" : ""}: ${print(type)}`;
  }
}

function parameters(symbol) {
  const own = (symbol.declarations ?? []).flatMap((each) => each.typeParameters ?? []);
  return own.length > 0 ? `<${own.map((each) => each.getText()).join(", ")}>` : "";
}

const isObject = (type) => (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0;

function isPublic({ declarations = [] }) {
  return declarations.every(
    (each) => !(ts.getCombinedModifierFlags(each) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)),
  );
}

/** Whether it is declared in this package rather than by the language or another package. */
function isOwn(symbol) {
  return (symbol?.declarations ?? []).some((each) => !isForeign(each.getSourceFile().fileName));
}

const isForeign = (file) => file.includes("/node_modules/");

function unnamedTypes({ checker }, exported) {
  const known = new Set(exported.map(({ symbol }) => symbol));
  const found = new Map();
  for (const { name, symbol } of exported)
    for (const declaration of symbol.declarations ?? []) visit(declaration, name);
  return [...found].map(([type, users]) => `${type} (named by ${[...users].join(", ")})`).sort();

  function visit(node, user) {
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const named = checker.getSymbolAtLocation(
        ts.isTypeReferenceNode(node) ? node.typeName : node.expression,
      );
      const symbol = named && unaliased(checker, named);
      const isParameter = symbol && symbol.flags & ts.SymbolFlags.TypeParameter;
      if (symbol && !isParameter && isOwn(symbol) && !known.has(symbol)) {
        found.set(symbol.name, (found.get(symbol.name) ?? new Set()).add(user));
      }
    }
    ts.forEachChild(node, (child) => visit(child, user));
  }
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? "")).href) {
  const { text, unnamed } = publicApi();
  if (process.argv.includes("--write")) writeFileSync(AGREED, text);
  else process.stdout.write(text);
  for (const line of unnamed) console.error(`not exported: ${line}`);
}
