/**
 * Element types that are certain without running the model, and nodes whose inputs do not go together by
 * them.
 */
import { DataType, dataTypeName, type Node } from "../ir/index.js";
import { parameterAt } from "./signature.js";
import type { OperatorFacts } from "./operator-facts.js";

/** Element types of values in one scope and those around it. Absent means unknown or no tensor. */
export class TypeScope {
  private readonly own = new Map<string, number>();

  constructor(private readonly outer?: TypeScope) {}

  get(name: string): number | undefined {
    const type = this.own.get(name);
    if (type === undefined) return this.outer?.get(name);
    return type === DataType.UNDEFINED ? undefined : type;
  }

  /** @param type 0 hides a type of an outer scope without knowing this one's */
  set(name: string, type: number): void {
    this.own.set(name, type);
  }
}

/**
 * Which inputs have a type that the operator does not take, or not together; and notes the types of the
 * outputs.
 */
export function typeFaults(node: Node, facts: OperatorFacts, types: TypeScope): string[] {
  const faults: string[] = [];
  const bound = new Map<string, { readonly type: number; readonly index: number }>();
  node.inputs.forEach((name, index) => {
    const type = name === "" ? undefined : types.get(name);
    const parameter = parameterAt(facts.inputs, index);
    if (type === undefined || !parameter) return;
    const { variable } = parameter;
    const other = variable === undefined ? undefined : bound.get(variable);
    if (!parameter.types.has(type))
      faults.push(`its input ${index} ("${name}") is ${dataTypeName(type)}, which it does not take there`);
    else if (other && other.type !== type) {
      faults.push(
        `its input ${index} ("${name}") is ${dataTypeName(type)} where input ${other.index} ` +
          `("${node.inputs[other.index] ?? ""}") is ${dataTypeName(other.type)}, and both must ` +
          "be of one type",
      );
    } else if (variable !== undefined && !other) bound.set(variable, { type, index });
  });
  node.outputs.forEach((name, index) => {
    if (name === "") return;
    const parameter = parameterAt(facts.outputs, index);
    const type = parameter?.variable === undefined ? undefined : bound.get(parameter.variable)?.type;
    const [only, ...others] = parameter?.types ?? [];
    types.set(name, type ?? (others.length === 0 ? (only ?? 0) : 0));
  });
  return faults;
}
