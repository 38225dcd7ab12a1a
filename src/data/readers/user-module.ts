/**
 * A user's own ES module as a source of samples. Its code runs with the user's rights, as any script they
 * start.
 */
import { BadDataError, EdgecError } from "../../errors.js";
import type { ModelInputs, Sample } from "../dataset.js";
import { isLabel } from "../labels.js";
import { plainFeed } from "../plain-feed.js";
import { beginUserCall, importUserModule, inUserCall } from "../user-code.js";

type AnyIterable = Iterable<unknown> | AsyncIterable<unknown>;

const EXPECTED =
  "export default a generator function, or an (async) iterable, of feeds { inputName: value } or { feed, label }";

/**
 * Imports the module and returns a function that restarts its samples at each call.
 * Throws BadDataError when the default export cannot be iterated more than once.
 */
export async function moduleSamples(
  path: string,
  inputs: ModelInputs,
): Promise<() => AsyncGenerator<Sample>> {
  let exported: unknown;
  try {
    exported = ((await importUserModule(path)) as { default?: unknown }).default;
  } catch (cause) {
    throw new BadDataError(`${path}: the module cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  if (isIterable(exported) && isOneShot(exported)) {
    throw new BadDataError(
      `${path}: the default export is a generator, which can be read only once. Export the ` +
        "generator function itself",
    );
  }
  if (!isIterable(exported) && typeof exported !== "function") throw new BadDataError(`${path}: ${EXPECTED}`);
  return () => iterate(exported, inputs, path);
}

async function* iterate(exported: unknown, inputs: ModelInputs, path: string): AsyncGenerator<Sample> {
  let index = 0;
  let endCall = (): void => undefined;
  try {
    const iterable: unknown =
      typeof exported === "function" && !isIterable(exported)
        ? await inUserCall(path, "giving its samples", exported as () => unknown)
        : exported;
    if (!isIterable(iterable))
      throw new BadDataError(
        `${path}: the function that is the default export did not return an iterable. ` + EXPECTED,
      );
    endCall = beginUserCall(path, `giving sample ${index}`);
    for await (const item of iterable) {
      endCall();
      yield sampleOf(item, inputs, `${path}: sample ${index++}`);
      endCall = beginUserCall(path, `giving sample ${index}`);
    }
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    throw new BadDataError(`${path}: the module failed at sample ${index}: ${messageOf(cause)}`, { cause });
  } finally {
    endCall();
  }
}

function sampleOf(item: unknown, inputs: ModelInputs, where: string): Sample {
  const wrapped =
    typeof item === "object" &&
    item !== null &&
    "feed" in item &&
    !inputs.some((input) => input.name === "feed");
  if (!wrapped) return { feed: plainFeed(item, inputs, where) };
  const { feed, label } = item as { feed: unknown; label?: unknown };
  const checked = plainFeed(feed, inputs, where);
  if (label === undefined) return { feed: checked };
  if (!isLabel(label))
    throw new BadDataError(
      `${where}: its label has the type ${typeof label}, but must be a number, string, array or object.`,
    );
  return { feed: checked, label };
}

function isIterable(value: unknown): value is AnyIterable {
  return (
    typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** An iterator that returns itself is spent after one pass. */
function isOneShot(value: AnyIterable): boolean {
  const own = Symbol.asyncIterator in value ? value[Symbol.asyncIterator]() : value[Symbol.iterator]();
  return (own as unknown) === value;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
