/**
 * Writes decoding chains of the same operators once, as a function of the model that each constant calls: a
 * call takes about 60 bytes, a chain up to 600.
 */
import { makeNode, tensorBytes } from "../../ir/index.js";
import type { FunctionDef, Model, Node } from "../../ir/index.js";
import { FUNCTION_IR_VERSION } from "./folding-facts.js";

/** A short domain that the model does not use yet, for the functions; undefined when all are taken. */
export function functionDomain(model: Model): string | undefined {
  const used = new Set([...model.opsetImports, ...model.functions].map(({ domain }) => domain));
  return ["e", "edgec", "edgec.decode"].find((name) => !used.has(name));
}

/** Adds the functions to the model and imports their domain. */
export function addFunctions(model: Model, domain: string, definitions: readonly FunctionDef[]): void {
  if (definitions.length === 0) return;
  model.functions.push(...definitions);
  model.opsetImports.push({ domain, version: 1n });
  if ((model.irVersion ?? 0n) < FUNCTION_IR_VERSION) model.irVersion = FUNCTION_IR_VERSION;
}

export interface ChainShape {
  /** Equal for chains that do the same computation on their constants, whatever their names. */
  readonly key: string;
  /** The chain's constants in the order of their first use. */
  readonly inputs: readonly string[];
}

export function shapeOf(nodes: readonly Node[]): ChainShape {
  const made = new Map<string, string>();
  const inputs: string[] = [];
  const parts: string[] = [];
  for (const [i, node] of nodes.entries()) {
    const from = node.inputs.map((name) =>
      name === "" ? "none" : (made.get(name) ?? `input ${place(inputs, name)}`),
    );
    parts.push(`${node.opType}(${from.join()}) ${node.attributes.map(attributeKey).join()}`);
    for (const output of node.outputs) made.set(output, `node ${i}`);
  }
  return { key: parts.join("; "), inputs };
}

function place(list: string[], name: string): number {
  const at = list.indexOf(name);
  return at >= 0 ? at : list.push(name) - 1;
}

/** Equal for attributes of the same name and value. */
export function attributeKey({
  name,
  i,
  f,
  s,
  t,
  ints,
  floats,
  strings,
}: Node["attributes"][number]): string {
  const lists = [s, ints, floats, ...(strings ?? [])].map((list) => (list ? [...list].join(".") : ""));
  const tensor = t ? `${t.dataType}:${t.dims.join()}:${[...tensorBytes(t)].join(".")}` : "";
  return `${name}=${i ?? f ?? ""}${lists.join(":")}${tensor}`;
}

/** The chain as the `index`-th function of `domain`, its constants being the inputs. */
export function defineFunction(
  domain: string,
  index: number,
  nodes: readonly Node[],
  opset: number,
): FunctionDef {
  const local = new Map<string, string>();
  const rename = (value: string): string => {
    if (value === "") return "";
    const known = local.get(value) ?? letters(local.size, "a");
    local.set(value, known);
    return known;
  };
  const inputs = shapeOf(nodes).inputs.map(rename);
  const body = nodes.map((node) =>
    makeNode(node.opType, node.inputs.map(rename), node.outputs.map(rename), node.attributes),
  );
  return {
    name: letters(index, "A"),
    domain,
    inputs,
    outputs: body.at(-1)?.outputs.slice() ?? [],
    attributeNames: [],
    attributeDefaults: [],
    nodes: body,
    opsetImports: [{ version: BigInt(opset) }],
    valueInfo: [],
  };
}

/** A node that calls the function in place of a chain of its shape. */
export function callOf(
  { name = "", domain = "" }: Pick<FunctionDef, "name" | "domain">,
  nodes: readonly Node[],
): Node {
  return { ...makeNode(name, shapeOf(nodes).inputs, nodes.at(-1)?.outputs ?? []), domain };
}

/** a … z, a1 … z1, and so on. */
function letters(index: number, first: "a" | "A"): string {
  const letter = String.fromCharCode(first.charCodeAt(0) + (index % 26));
  return index < 26 ? letter : letter + String(Math.floor(index / 26));
}
