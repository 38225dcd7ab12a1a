/** A user's profile: a known one with fields overridden, from JSON or from an object. */
import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { EdgecError, suggestion } from "../errors.js";
import { requireRegularFile } from "../regular-file.js";
import { checkFields, type Fields, isObject, shown } from "./check-fields.js";
import { COST_FIELDS, PROFILE_FIELDS } from "./fields.js";
import type { TargetProfile } from "./profile.js";
import { GENERIC, PROFILES } from "./profiles.js";
import { kernelsOf } from "./read-kernels.js";

/** A profile is a page of text. */
const MAX_BYTES = 1 << 20;

/**
 * Throws EdgecError CANNOT_READ when there is no such file or it is no regular one, BAD_OPTION for what is
 * in it.
 */
export function readProfile(path: string): TargetProfile {
  const fields = parse(read(path), path);
  return profileOf({ name: basename(path, extname(path)), ...fields }, path);
}

function read(path: string): string {
  requireRegularFile(path);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new EdgecError(
        "CANNOT_READ",
        `cannot read the target ${path}: there is no such file. Give the path of a JSON ` +
          'file, or a name that "edgec targets" lists.',
        { cause },
      );
    }
    throw new EdgecError(
      "CANNOT_READ",
      `cannot read the target ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (bytes.length > MAX_BYTES)
    throw new EdgecError(
      "BAD_OPTION",
      `${path} has ${bytes.length} bytes, but a target is a small JSON file. See docs/guide/targets.md.`,
    );
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

function parse(text: string, path: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EdgecError(
      "BAD_OPTION",
      `${path} is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (!isObject(value))
    throw new EdgecError(
      "BAD_OPTION",
      `${path} must contain a JSON object, such as { "extends": "arm64", "threads": 4 }.`,
    );
  return value;
}

/**
 * The profile that `extends` names (default: generic) with the other fields in place of its own; `costs` and
 * `kernels` field by field.
 * @param where the file, or what else messages name
 * @throws EdgecError BAD_OPTION for an unknown field or base, with the nearest name, and for a value that
 *   the field does not take
 */
export function profileOf(fields: Fields, where: string): TargetProfile {
  const {
    extends: base = GENERIC.name,
    costs = {},
    kernels = {},
    ...own
  } = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const parent = PROFILES.find(({ name }) => name === base);
  if (!parent) {
    const names = PROFILES.map(({ name }) => name);
    throw new EdgecError(
      "BAD_OPTION",
      `${where}: "extends" must be one of ${names.join(", ")}, not ` +
        `${shown(base)}.${typeof base === "string" ? suggestion(base, names) : ""}`,
    );
  }
  if (!isObject(costs))
    throw new EdgecError(
      "BAD_OPTION",
      `${where}: "costs" must be an object with some of ${Object.keys(COST_FIELDS).join(", ")}, not ${shown(costs)}.`,
    );
  checkFields(own, PROFILE_FIELDS, ["extends", "costs", "kernels"], "", where);
  checkFields(costs, COST_FIELDS, [], "costs.", where);
  return {
    ...parent,
    ...own,
    costs: { ...parent.costs, ...costs },
    kernels: kernelsOf(parent.kernels, kernels, where),
  };
}
