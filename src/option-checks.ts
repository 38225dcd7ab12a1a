/** What values options take. Callers in JavaScript have no compiler that checks this. */

/** A kind of value, and how it is described: "true or false". */
export interface Check {
  readonly expected: string;
  accepts(value: unknown): boolean;
  /** Whether the option must be given. */
  readonly isRequired?: boolean;
}

/** A check by a description and a test. */
export function check(expected: string, accepts: (value: unknown) => boolean): Check {
  return { expected, accepts };
}

export const required = (inner: Check): Check => ({ ...inner, isRequired: true });

export const boolean = check("true or false", (value) => typeof value === "boolean");
export const text = check("text", (value) => typeof value === "string");
export const path = { ...text, expected: "a path" };
export const number = check("a number", isNumber);
export const notNegative = check("a number, 0 or more", (value) => isNumber(value) && value >= 0);
/** Seconds that a timer can wait: at most 2³¹ milliseconds. */
export const seconds = check(
  "a number of seconds, greater than 0 and at most 2000000",
  (value) => isNumber(value) && value > 0 && value <= 2e6,
);
export const numberOrText = either(number, text);
export const anyFunction = check("a function", (value) => typeof value === "function");
export const anyObject = check("an object", isObject);

export function wholeNumber(least: number): Check {
  return check(
    `a whole number, ${least} or more`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least,
  );
}

/** A list whose entries all pass. @param entries what they are, in the plural: "names" */
export function listOf(entries: string, each: Check): Check {
  return check(
    `a list of ${entries}`,
    (value) => Array.isArray(value) && value.every((entry) => each.accepts(entry)),
  );
}
export const textList = listOf("texts", text);

/** An object whose values all pass. @param values what they are, in the plural: "numbers" */
export function byName(values: string, each: Check): Check {
  return check(
    `an object of ${values} by name`,
    (value) => isObject(value) && Object.values(value).every((entry) => each.accepts(entry)),
  );
}

export function either(...checks: readonly Check[]): Check {
  const words = checks.map(({ expected }) => expected);
  return check(`${words.slice(0, -1).join(", ")} or ${words.at(-1)}`, (value) =>
    checks.some((one) => one.accepts(value)),
  );
}

/** A path or a dataset. */
export const data = either(
  path,
  check("a dataset", (value) => isObject(value) && typeof value.samples === "function"),
);

export const logger = check(
  "an object with functions diagnostic, progress and debug",
  (value) =>
    isObject(value) &&
    ["diagnostic", "progress", "debug"].every((name) =>
      ["function", "undefined"].includes(typeof value[name]),
    ),
);

export const signal = check(
  "an AbortSignal",
  (value) =>
    isObject(value) &&
    typeof value.aborted === "boolean" &&
    typeof value.throwIfAborted === "function" &&
    typeof value.addEventListener === "function",
);

/** The value as messages show it. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
    default:
      return String(value);
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && !Number.isNaN(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
