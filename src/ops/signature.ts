/**
 * Whether a node has the form that its operator asks for: number of inputs and outputs, none left out that
 * is needed, attributes.
 */
import { AttributeType, type Attribute, type Node } from "../ir/index.js";
import type { OperatorFacts, Parameter } from "./operator-facts.js";

/** What is wrong with the node's form, in words that go on after "node … : "; empty when it fits. */
export function formFaults(node: Node, facts: OperatorFacts): string[] {
  return [
    ...arityFaults(node.inputs, facts.inputs, "input"),
    ...arityFaults(node.outputs, facts.outputs, "output"),
    ...attributeFaults(node.attributes, facts),
  ];
}

/** The parameter that stands at a place: the last one stands for all that follow, if it may be many. */
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
    return [`it has ${counted(names.length, what)} and takes ${range(least, most)}`];
  return names.flatMap((name, k) => {
    const parameter = parameterAt(parameters, k);
    return name === "" && parameter && !parameter.isOptional && !parameter.isMany
      ? [`${what} ${k} is left out, and it is needed`]
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
    // The runtime keeps notes of its own in attributes of such names.
    if (!fact && attribute.name.startsWith("__")) continue;
    if (!fact) faults.push(`it has no attribute "${attribute.name}"`);
    else if (isOtherKind(attribute, fact.type))
      faults.push(
        `its attribute "${attribute.name}" is of the kind ${kindName(attribute.type)} and ` +
          `must be ${kindName(fact.type)}`,
      );
  }
  const given = new Set(attributes.map(({ name }) => name));
  for (const [name, { isRequired }] of facts.attributes)
    if (isRequired && !given.has(name)) faults.push(`its attribute "${name}" is missing`);
  return faults;
}

/** Files older than IR version 3 do not state the kind; in a function body it is the caller's. */
function isOtherKind({ type, refAttrName }: Attribute, expected: number): boolean {
  return (
    type !== undefined && type !== AttributeType.UNDEFINED && type !== expected && refAttrName === undefined
  );
}

function kindName(kind: number | undefined): string {
  return Object.entries(AttributeType).find(([, value]) => value === kind)?.[0] ?? String(kind);
}
