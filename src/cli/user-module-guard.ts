/**
 * Turns misbehaviour of a user module into a clear error. A module that ends the process, never answers or
 * throws where nobody catches it would otherwise end the run silently with exit code 0, or look like a bug in
 * edgec.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { userCallUnderWay, userModules } from "../data/user-code.js";
import { BadDataError, EdgecError } from "../errors.js";

/** Prefix of edgec's own files in stack traces. */
const OWN = new URL("..", import.meta.url).href;

/**
 * The error to report when the process ends before its run is complete; undefined when no user module was
 * loaded.
 * @param stack where the end was requested; without frames of a module when the process had nothing left to
 *   do
 */
export function endedEarly(stack: string): EdgecError | undefined {
  const module = moduleIn(stack);
  const call = userCallUnderWay();
  if (module !== undefined)
    return new BadDataError(
      `${module}: the module ended the process${during(call)}, so the run is incomplete. ` +
        "It must return or throw, and not call process.exit.",
    );
  if (call)
    return new BadDataError(
      `${call.module}: the module never finished ${call.doing}: it waits for something that never happens. ` +
        "The run is incomplete.",
    );
  const loaded = userModules();
  if (loaded.length === 0) return undefined;
  return new BadDataError(
    `${loaded.join(", ")}: the process ended before the run was complete, most likely because of the module. ` +
      "It must not call process.exit.",
  );
}

/** An uncaught error: wrapped as the module's failure if a user module threw it, otherwise as it is. */
export function strayFailure(error: unknown): unknown {
  if (error instanceof EdgecError || userModules().length === 0) return error;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const module = moduleIn(stack) ?? (isOwn(stack) ? undefined : userModules().join(", "));
  if (module === undefined) return error;
  return new BadDataError(
    `${module}: the module failed outside edgec's calls, in a timer or in a promise that is not awaited: ` +
      reasonOf(error),
    { cause: error },
  );
}

function during(call: { readonly doing: string } | undefined): string {
  return call ? ` while it was ${call.doing}` : "";
}

function moduleIn(stack: string): string | undefined {
  return userModules().find((path) => {
    const url = pathToFileURL(resolve(path)).href;
    return stack.includes(url) || stack.includes(fileURLToPath(url));
  });
}

function isOwn(stack: string): boolean {
  return stack.includes(OWN) || stack.includes(fileURLToPath(OWN));
}

/** Node wraps a thrown value that is not an Error in a text of its own. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /rejected with the reason "([\s\S]*)"\.?$/.exec(message)?.[1] ?? message;
}
