/** Checking an object of a user's against what its fields take. */
import { EdgecError, suggestion } from "../errors.js";
import type { Check } from "./fields.js";

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Throws EdgecError BAD_OPTION for an unknown field, with the nearest name, and for a value that the field
 * does not take.
 * @param others further fields, which are checked elsewhere
 * @param prefix where the object stands: "costs."
 */
export function checkFields(
  given: Fields,
  checks: Readonly<Record<string, Check>>,
  others: readonly string[],
  prefix: string,
  where: string,
): void {
  const known = [...Object.keys(checks), ...others];
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(checks, name))
      throw new EdgecError(
        "BAD_OPTION",
        `${where}: a target has no field "${prefix}${name}".${suggestion(name, known)} Known ` +
          `fields: ${known.join(", ")}.`,
      );
    const accepted = checks[name]!(value);
    if (accepted !== undefined)
      throw new EdgecError(
        "BAD_OPTION",
        `${where}: "${prefix}${name}" must be ${accepted}, not ${shown(value)}.`,
      );
  }
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as JSON, cut short. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
