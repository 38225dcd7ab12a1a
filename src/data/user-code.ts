/**
 * Tracks the user modules in this process, and which of their functions is being awaited. A module may end the
 * process, never settle, or throw where nothing catches it; the error can then name the module.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { notify } from "../run-notices.js";

export interface UserCall {
  /** The module, as the user gave it. */
  readonly module: string;
  /** "loading", "giving sample 3". */
  readonly doing: string;
}

const modules = new Set<string>();
const underWay = new Set<UserCall>();

/** The modules that were loaded, in order. */
export function userModules(): readonly string[] {
  return [...modules];
}

/** The call that is being awaited; the latest if there are several. */
export function userCallUnderWay(): UserCall | undefined {
  return [...underWay].at(-1);
}

/**
 * To be called before the user's code runs. The call ends when the returned function is called.
 */
export function beginUserCall(module: string, doing: string): () => void {
  const call = { module, doing };
  underWay.add(call);
  return () => void underWay.delete(call);
}

/** Awaits the result of the user's code. Throws what it throws. */
export async function inUserCall<T>(module: string, doing: string, call: () => T): Promise<Awaited<T>> {
  const end = beginUserCall(module, doing);
  try {
    return await call();
  } finally {
    end();
  }
}

/** Imports a user module. Throws what it throws. */
export function importUserModule(path: string): Promise<unknown> {
  modules.add(path);
  notify({ kind: "module", path });
  return inUserCall(path, "loading", () => import(pathToFileURL(resolve(path)).href) as Promise<unknown>);
}
