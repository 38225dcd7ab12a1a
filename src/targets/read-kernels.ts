/** The kernels of a user's profile: those of the parent with some fields overridden, operator by operator. */
import { EdgecError, suggestion } from "../errors.js";
import { checkFields, isObject, shown } from "./check-fields.js";
import { type Check, oneOf, someOf } from "./fields.js";
import {
  CPU_KERNELS,
  GRANULARITIES,
  type Int8Kernel,
  KERNEL_ROLES,
  type KernelTable,
  type OperandCodes,
  SIGNS,
  SYMMETRIES,
} from "./kernels.js";

const OPERAND_FIELDS: Readonly<Record<keyof OperandCodes, Check>> = {
  signs: someOf(SIGNS),
  symmetry: oneOf(SYMMETRIES),
  granularity: someOf(GRANULARITIES),
};

/**
 * Throws EdgecError BAD_OPTION for an operator that edgec has no int8 form of, for an unknown field, and for a
 * value that a field does not take.
 */
export function kernelsOf(parent: KernelTable, given: unknown, where: string): KernelTable {
  if (!isObject(given))
    throw bad(`${where}: "kernels" must be an object by operator type, not ${shown(given)}.`);
  const known = Object.keys(CPU_KERNELS);
  const changed = Object.entries(given).map(([operator, kernel]) => {
    if (!known.includes(operator))
      throw bad(
        `${where}: edgec has no int8 form of "${operator}".${suggestion(operator, known)} ` +
          `"kernels" can have: ${known.join(", ")}.`,
      );
    return [operator, kernelOf(operator, parent[operator], kernel, where)] as const;
  });
  return { ...parent, ...Object.fromEntries(changed) };
}

function kernelOf(
  operator: string,
  parent: Int8Kernel | null | undefined,
  given: unknown,
  where: string,
): Int8Kernel | null {
  if (given === null) return null;
  const prefix = `kernels.${operator}`;
  if (!isObject(given)) throw bad(`${where}: "${prefix}" must be an object or null, not ${shown(given)}.`);
  const base: Int8Kernel = parent ?? CPU_KERNELS[operator as keyof typeof CPU_KERNELS];
  const { activations = {}, weights, ...own } = given;
  const role: Check = (value) =>
    oneOf(KERNEL_ROLES)(value) ?? (value === base.role ? undefined : `"${base.role}", its role in edgec`);
  checkFields(own, { role }, ["activations", "weights"], `${prefix}.`, where);
  if (weights !== undefined && !base.weights)
    throw bad(
      `${where}: "${prefix}.weights" has no effect, because ${operator} has no weights. Leave it out.`,
    );
  return {
    ...base,
    activations: operandOf(base.activations, activations, `${prefix}.activations`, where),
    ...(base.weights ? { weights: operandOf(base.weights, weights ?? {}, `${prefix}.weights`, where) } : {}),
  };
}

function operandOf(parent: OperandCodes, given: unknown, prefix: string, where: string): OperandCodes {
  if (!isObject(given)) throw bad(`${where}: "${prefix}" must be an object, not ${shown(given)}.`);
  checkFields(given, OPERAND_FIELDS, [], `${prefix}.`, where);
  return { ...parent, ...given };
}

function bad(message: string): EdgecError {
  return new EdgecError("BAD_OPTION", message);
}
