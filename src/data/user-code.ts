/**
 * Which modules of the user's run in this process, and which of their functions is being waited for. A module may end
 * the process, never answer, or throw where nobody catches it: whoever sees that can then say whose doing it is.
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

/** The call that is being waited for; the latest, where there are several. */
export function userCallUnderWay(): UserCall | undefined {
  return [...underWay].at(-1);
}

/** To be called before the user's code runs; the call is over when the function that is returned is called. */
export function beginUserCall(module: string, doing: string): () => void {
  const call = { module, doing };
  underWay.add(call);
  return () => void underWay.delete(call);
}

/** What the user's code gives, waited for. Throws what it throws. */
export async function inUserCall<T>(module: string, doing: string, call: () => T): Promise<Awaited<T>> {
  const end = beginUserCall(module, doing);
  try {
    return await call();
  } finally {
    end();
  }
}

/** Imports a module of the user's. Throws what it throws. */
export function importUserModule(path: string): Promise<unknown> {
  modules.add(path);
  notify({ kind: "module", path });
  return inUserCall(path, "loading", () => import(pathToFileURL(resolve(path)).href) as Promise<unknown>);
}
