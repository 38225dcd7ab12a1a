/**
 * Describes each version of each operator of ONNX's own sets: inputs, outputs, their element types, and
 * attributes. The packed table is parsed on first use, and only the lines that are needed.
 *
 * A line is `domain:Operator version|variables|inputs|outputs|attributes;version|…`; "=" repeats the version
 * before, and "-" for variables marks a version that withdraws the operator. Variables are `T=3` (type set 3).
 * Parameters are the variable or `#3`, then nothing (needed), "?" (may be left out), `*1` (one or more, all
 * alike) or `~1` (one or more). Attributes are `name:kind` with "!" where it is needed.
 */
import { AttributeType } from "../ir/index.js";
import { NEWEST_VERSIONS, OPERATORS, TYPE_SETS } from "./operator-facts-data.js";

/** One input or output or, with `isMany`, all from this one on. */
export interface Parameter {
  /** Parameters of the same type variable have the same element type, unless a repeated one may have several. */
  readonly variable: string | undefined;
  /** The accepted element types. */
  readonly types: ReadonlySet<number>;
  readonly isOptional: boolean;
  readonly isMany: boolean;
  /** The smallest number of them, with `isMany`. */
  readonly least: number;
}

interface AttributeFact {
  /** One of `AttributeType`. */
  readonly type: number;
  readonly isRequired: boolean;
}

export interface OperatorFacts {
  /** The version that introduced this form. */
  readonly since: number;
  /** Whether this version removes the operator. */
  readonly isWithdrawn: boolean;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
  readonly attributes: ReadonlyMap<string, AttributeFact>;
}

const KINDS: Readonly<Record<string, keyof typeof AttributeType>> = {
  f: "FLOAT",
  i: "INT",
  s: "STRING",
  t: "TENSOR",
  g: "GRAPH",
  p: "SPARSE_TENSOR",
  y: "TYPE_PROTO",
  F: "FLOATS",
  I: "INTS",
  S: "STRINGS",
  T: "TENSORS",
  G: "GRAPHS",
  P: "SPARSE_TENSORS",
  Y: "TYPE_PROTOS",
};

let lines: ReadonlyMap<string, string> | undefined;
let typeSets: readonly ReadonlySet<number>[] | undefined;
const unfolded = new Map<string, readonly OperatorFacts[]>();

/**
 * Whether `version` of the operator set is described: false for other sets and for versions newer than the
 * table.
 */
export function isDescribed(domain: string, version: number): boolean {
  return Object.hasOwn(NEWEST_VERSIONS, domain) && version <= (NEWEST_VERSIONS[domain] ?? 0);
}

/**
 * The form of an operator at a version of its set; undefined if that version has no such operator. `domain` ""
 * is ONNX's main set.
 */
export function operatorFacts(domain: string, opType: string, version: number): OperatorFacts | undefined {
  return operatorVersions(domain, opType).findLast((facts) => facts.since <= version);
}

/** All forms of an operator, oldest first; empty for an operator that is not described. */
export function operatorVersions(domain: string, opType: string): readonly OperatorFacts[] {
  const key = `${domain}:${opType}`;
  let versions = unfolded.get(key);
  if (versions) return versions;
  lines ??= new Map(
    OPERATORS.trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
  );
  const line = lines.get(key);
  // Names come from files: unknown ones are not cached, so that they cannot fill the memory.
  if (line === undefined) return [];
  unfolded.set(key, (versions = unfold(line)));
  return versions;
}

function unfold(line: string): OperatorFacts[] {
  let before: readonly string[] = [];
  return line.split(";").map((row) => {
    const [since = "", ...given] = row.split("|");
    const fields = given.map((field, k) => (field === "=" ? (before[k] ?? "") : field));
    before = fields;
    const [variables = "", inputs = "", outputs = "", attributes = ""] = fields;
    const sets = new Map(listOf(variables).map((variable) => variable.split("=") as [string, string]));
    return {
      since: Number(since),
      isWithdrawn: variables === "-",
      inputs: listOf(inputs).map((text) => parameter(text, sets)),
      outputs: listOf(outputs).map((text) => parameter(text, sets)),
      attributes: new Map(listOf(attributes).map(attributeFact)),
    };
  });
}

function parameter(text: string, sets: ReadonlyMap<string, string>): Parameter {
  const [, name = "", form = "", least = "0"] = /^(#?\w+)([?*~]?)(\d*)$/.exec(text) ?? [];
  const isFixed = name.startsWith("#");
  return {
    variable: isFixed || form === "~" ? undefined : name,
    types: typeSet(Number(isFixed ? name.slice(1) : sets.get(name))),
    isOptional: form === "?",
    isMany: form === "*" || form === "~",
    least: Number(least),
  };
}

function attributeFact(text: string): [string, AttributeFact] {
  const at = text.lastIndexOf(":");
  return [
    text.slice(0, at),
    { type: AttributeType[KINDS[text[at + 1] ?? ""] ?? "UNDEFINED"], isRequired: text.endsWith("!") },
  ];
}

function typeSet(number: number): ReadonlySet<number> {
  typeSets ??= TYPE_SETS.slice(1, -1)
    .split("\n")
    .map((line) => new Set(listOf(line).map(Number)));
  return typeSets[number] ?? new Set();
}

function listOf(text: string): string[] {
  return text === "" ? [] : text.split(",");
}
