/** Infers element types without running the model, and finds nodes whose input types do not match. */
import { DataType, dataTypeName, type Node } from "../ir/index.js";
import { parameterAt } from "./signature.js";
import type { OperatorFacts } from "./operator-facts.js";

/** Element types of values in one scope and the enclosing ones. Absent means unknown or not a tensor. */
export class TypeScope {
  private readonly own = new Map<string, number>();

  constructor(private readonly outer?: TypeScope) {}

  get(name: string): number | undefined {
    const type = this.own.get(name);
    if (type === undefined) return this.outer?.get(name);
    return type === DataType.UNDEFINED ? undefined : type;
  }

  /** @param type 0 shadows a type of an outer scope with an unknown one */
  set(name: string, type: number): void {
    this.own.set(name, type);
  }
}

/**
 * Finds inputs whose types the operator does not accept, alone or together, and records the types of the
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
      faults.push(
        `its input ${index} ("${name}") is ${dataTypeName(type)}, which the operator does not accept there`,
      );
    else if (other && other.type !== type) {
      faults.push(
        `its input ${index} ("${name}") is ${dataTypeName(type)} where input ${other.index} ` +
          `("${node.inputs[other.index] ?? ""}") is ${dataTypeName(other.type)}, but both must ` +
          "have the same type",
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
