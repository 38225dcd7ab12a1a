/** Every pass with its flag and its options, whose descriptions are the comments of their types. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { PASSES } from "../../build/index.js";
import { code, escaped, table } from "./table.mjs";

export function passList() {
  const optionsOf = optionComments("src/passes");
  const kinds = [
    ["Exact passes", "They change no result beyond rounding.", false],
    ["Lossy passes", "They change results, so a run compares the model with its original.", true],
  ];
  return kinds
    .map(([title, what, lossy]) => {
      const passes = PASSES.filter((pass) => pass.lossy === lossy);
      return [`## ${title}`, what, ...passes.map((pass) => section(pass, optionsOf.get(pass.name)))].join(
        "\n\n",
      );
    })
    .join("\n\n");
}

export function section({ name, description, flag, defaults }, comments = new Map()) {
  const flagText = flag ? [`Flag: \`${flag.syntax}\`, ${flag.help}`] : [];
  const rows = Object.entries(defaults).map(([option, value]) => [
    code(option),
    code(escaped(shown(value))),
    escaped(comments.get(option) || fail(`Option "${option}" of ${name} has no comment in its type.`)),
  ]);
  const options = rows.length === 0 ? [] : [table(["option", "default", "what"], rows)];
  return [`### ${name}`, `${description}.`, ...flagText, ...options].join("\n\n");
}

function optionComments(folder) {
  const paths = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".ts"));
  return commentsIn(paths.map((path) => readFileSync(join(folder, path), "utf8")));
}

/**
 * The members of the type that each pass is defined with, by the pass's name: option → its comment.
 * @param {readonly string[]} texts the sources of the passes and of all types that theirs extend
 */
export function commentsIn(texts) {
  const sources = texts.map((text) => ts.createSourceFile("pass.ts", text, ts.ScriptTarget.ES2022, true));
  const types = new Map();
  const found = new Map();
  each(sources, (node) => {
    if (ts.isInterfaceDeclaration(node)) types.set(node.name.text, node);
  });
  each(sources, (node) => {
    if (!ts.isCallExpression(node) || node.expression.getText() !== "definePass") return;
    const name = nameOf(node);
    const type = types.get(node.typeArguments?.[0]?.getText() ?? "");
    if (name && type) found.set(name, membersOf(type, types));
  });
  return found;
}

/** The name in a definition: a text, or a constant of the same file. */
function nameOf({ arguments: [definition] }) {
  const property = definition.properties.find((each) => each.name?.getText() === "name");
  const value = property?.initializer;
  if (!value || ts.isStringLiteral(value)) return value?.text;
  const constant = new RegExp(`\\bconst ${value.getText()} = "([^"]+)"`);
  return constant.exec(definition.getSourceFile().text)?.[1];
}

/** With those of the types that it extends, also as Required<Type>, Pick<Type, …> and the like. */
function membersOf(type, types) {
  const bases = (type.heritageClauses ?? []).flatMap(({ types: named }) =>
    named.map((base) => types.get(base.getText()) ?? types.get(base.typeArguments?.[0]?.getText())),
  );
  const inherited = bases.flatMap((base) => (base ? [...membersOf(base, types)] : []));
  const own = type.members.map((member) => [member.name?.getText() ?? "", commentOf(member)]);
  return new Map([...inherited, ...own]);
}

export function commentOf(node) {
  const comments = (node.jsDoc ?? []).map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? "");
  return comments.join(" ").replaceAll(/\s+/g, " ").trim();
}

function each(sources, look) {
  const visit = (node) => {
    look(node);
    ts.forEachChild(node, visit);
  };
  sources.forEach(visit);
}

function fail(message) {
  throw new Error(`${message} The reference is made of these comments: write one.`);
}

const shown = (value) =>
  value === undefined ? "none" : JSON.stringify(value, (_, v) => (v === Infinity ? "none" : v));
