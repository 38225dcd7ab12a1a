/**
 * Options of the library by name, with what each takes: a mistyped name or a wrong value would be left out
 * without a word, so it is refused. Each record stands beside its interface and is checked against it:
 * `{ … } satisfies KeysOf<CompressOptions>` fails to compile when one of them gains or loses a name.
 */
import { EdgecError, suggestion } from "./errors.js";
import { type Check, shown } from "./option-checks.js";

/** What every option of an interface takes. */
export type KeysOf<Options> = Readonly<Record<keyof Required<Options>, Check>>;

type Checks = Readonly<Record<string, Check>>;

/**
 * Carries out `job` once the options are known to be some of `keys`, with values that these take. Rejects with
 * EdgecError BAD_OPTION that names the first other one.
 * @param user what the options were given to, for the message: "compress"
 */
export async function withKnownOptions<T>(
  user: string,
  keys: Checks,
  given: object,
  job: () => Promise<T>,
): Promise<T> {
  refuseUnknown(user, keys, given);
  return job();
}

/** Throws as `withKnownOptions` rejects. */
export function refuseUnknown(user: string, keys: Checks, given: unknown): void {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new EdgecError(
      "BAD_OPTION",
      `${user}: options are an object of values by name, not ${kind(given)}.`,
    );
  const known = Object.keys(keys);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${user}: there is no option "${unknown}".${suggestion(unknown, known)} It takes: ${known.join(", ")}.`,
    );
  for (const [name, check] of Object.entries(keys))
    requireValue(user, name, check, (given as Readonly<Record<string, unknown>>)[name]);
}

function requireValue(user: string, name: string, check: Check, value: unknown): void {
  if (value === undefined) {
    if (check.isRequired !== true) return;
    throw new EdgecError("BAD_OPTION", `${user}: ${name} is missing. Give ${check.expected}.`);
  }
  requireArgument(user, name, check, value);
}

/** Throws EdgecError BAD_OPTION for an argument of a function that is not what it must be. */
export function requireArgument(user: string, name: string, check: Check, value: unknown): void {
  if (check.accepts(value)) return;
  throw new EdgecError("BAD_OPTION", `${user}: ${name} must be ${check.expected}, not ${shown(value)}.`);
}

function kind(value: unknown): string {
  if (["number", "boolean", "string"].includes(typeof value)) return `a ${typeof value}`;
  return Array.isArray(value) ? "an array" : shown(value);
}
