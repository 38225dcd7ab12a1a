/**
 * A run is complete, or it is an error. A module of the user's that ends the process, never answers or throws where
 * nobody catches it would otherwise end the run with exit code 0 and silence, or look like a bug in edgec.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { userCallUnderWay, userModules } from "../data/user-code.js";
import { BadDataError, EdgecError } from "../errors.js";

/** edgec's own code, as stacks name it. */
const OWN = new URL("..", import.meta.url).href;

/**
 * What a process that ends before its run is complete owes to a module; undefined when no module was loaded.
 * @param stack where the end was asked for; without frames of a module when the process had nothing left to do
 */
export function endedEarly(stack: string): EdgecError | undefined {
  const module = moduleIn(stack);
  const call = userCallUnderWay();
  if (module !== undefined)
    return new BadDataError(
      `${module}: the module ended the process${during(call)}, so the run is not complete. ` +
        "It must return or throw, and not call process.exit.",
    );
  if (call)
    return new BadDataError(
      `${call.module}: the module never finished ${call.doing}: it waits for something that does not come. ` +
        "The run is not complete.",
    );
  const loaded = userModules();
  if (loaded.length === 0) return undefined;
  return new BadDataError(
    `${loaded.join(", ")}: the process was ended before the run was complete, most likely by the module. ` +
      "It must not call process.exit.",
  );
}

/** What was thrown where nobody catches it, as the module's failure where it is; otherwise as it came. */
export function strayFailure(error: unknown): unknown {
  if (error instanceof EdgecError || userModules().length === 0) return error;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const module = moduleIn(stack) ?? (isOwn(stack) ? undefined : userModules().join(", "));
  if (module === undefined) return error;
  return new BadDataError(
    `${module}: the module failed outside of edgec's calls, in a timer or in a promise that nobody waits for: ` +
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

/** Node wraps what is no error in a text of its own. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /rejected with the reason "([\s\S]*)"\.?$/.exec(message)?.[1] ?? message;
}
