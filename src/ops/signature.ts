/**
 * Checks whether a node matches its operator's description: number of inputs and outputs, required ones,
 * attributes.
 */
import { AttributeType, type Attribute, type Node } from "../ir/index.js";
import type { OperatorFacts, Parameter } from "./operator-facts.js";

/** The problems with the node's form, worded to follow "node … : "; empty if there are none. */
export function formFaults(node: Node, facts: OperatorFacts): string[] {
  return [
    ...arityFaults(node.inputs, facts.inputs, "input"),
    ...arityFaults(node.outputs, facts.outputs, "output"),
    ...attributeFaults(node.attributes, facts),
  ];
}

/** The parameter at a position; a repeated last one covers all further positions. */
export function parameterAt(parameters: readonly Parameter[], index: number): Parameter | undefined {
  const last = parameters.at(-1);
  return parameters[index] ?? (last?.isMany === true ? last : undefined);
}

function arityFaults(names: readonly string[], parameters: readonly Parameter[], what: string): string[] {
  const most = parameters.at(-1)?.isMany === true ? Infinity : parameters.length;
  const least = parameters.reduce(
    (needed, { isOptional, isMany, least: many }, k) =>
      isOptional ? needed : Math.max(needed, isMany ? k + many : k + 1),
    0,
  );
  if (names.length < least || names.length > most)
    return [`it has ${counted(names.length, what)}, but the operator takes ${range(least, most)}`];
  return names.flatMap((name, k) => {
    const parameter = parameterAt(parameters, k);
    return name === "" && parameter && !parameter.isOptional && !parameter.isMany
      ? [`${what} ${k} is missing, but required`]
      : [];
  });
}

function counted(count: number, what: string): string {
  return `${count === 0 ? "no" : count} ${what}${count === 1 ? "" : "s"}`;
}

function range(least: number, most: number): string {
  if (most === Infinity) return `${least} or more`;
  return least === most ? String(least) : `${least} to ${most}`;
}

function attributeFaults(attributes: readonly Attribute[], facts: OperatorFacts): string[] {
  const faults: string[] = [];
  for (const attribute of attributes) {
    const fact = facts.attributes.get(attribute.name);
    // The runtime stores its own notes in attributes with such names.
    if (!fact && attribute.name.startsWith("__")) continue;
    if (!fact) faults.push(`its operator has no attribute "${attribute.name}"`);
    else if (isOtherKind(attribute, fact.type))
      faults.push(
        `its attribute "${attribute.name}" has the kind ${kindName(attribute.type)} and ` +
          `must be ${kindName(fact.type)}`,
      );
  }
  const given = new Set(attributes.map(({ name }) => name));
  for (const [name, { isRequired }] of facts.attributes)
    if (isRequired && !given.has(name)) faults.push(`its attribute "${name}" is missing`);
  return faults;
}

/**
 * Files older than IR version 3 do not state the kind; in a function body, the caller's attribute determines
 * it.
 */
function isOtherKind({ type, refAttrName }: Attribute, expected: number): boolean {
  return (
    type !== undefined && type !== AttributeType.UNDEFINED && type !== expected && refAttrName === undefined
  );
}

function kindName(kind: number | undefined): string {
  return Object.entries(AttributeType).find(([, value]) => value === kind)?.[0] ?? String(kind);
}
