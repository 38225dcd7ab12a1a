/**
 * Options of the library by name: a mistyped one would be left out without a word, so it is refused. Each
 * list stands beside its interface and is checked against it: `{ … } satisfies KeysOf<CompressOptions>`
 * fails to compile when one of them gains or loses a name.
 */
import { EdgecError, suggestion } from "./errors.js";

/** Every name of an interface of options. */
export type KeysOf<Options> = Readonly<Record<keyof Required<Options>, true>>;

/**
 * Carries out `job` once the options are known to be some of `keys`. Rejects with EdgecError BAD_OPTION that
 * names the first unknown one, with the nearest that there is.
 * @param user what the options were given to, for the message: "compress"
 */
export async function withKnownOptions<T>(
  user: string,
  keys: Readonly<Record<string, true>>,
  given: object,
  job: () => Promise<T>,
): Promise<T> {
  refuseUnknown(user, keys, given);
  return job();
}

/** Throws as `withKnownOptions` rejects. */
export function refuseUnknown(user: string, keys: Readonly<Record<string, true>>, given: unknown): void {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new EdgecError(
      "BAD_OPTION",
      `${user}: options are an object of values by name, not ${kind(given)}.`,
    );
  const known = Object.keys(keys);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${user}: there is no option "${unknown}".${suggestion(unknown, known)} It takes: ${known.join(", ")}.`,
  );
}

function kind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
