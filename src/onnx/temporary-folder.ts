/** A folder for intermediate models, removed after use or when the process exits. */
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../at-exit.js";
import { EdgecError } from "../errors.js";
import { systemErrorOf } from "../system-errors.js";
import { temporaryPrefix } from "./temporary-name.js";

/** Folders whose owners have gone. */
const unowned = new FinalizationRegistry<() => void>((remove) => remove());

export class TemporaryFolder {
  private readonly letGo: () => void;

  /** An interrupted process ends without cleaning up, so the folder is also removed at exit. */
  private constructor(readonly path: string) {
    this.letGo = atExit(() => rmSync(path, { recursive: true, force: true }));
  }

  /**
   * Creates the folder synchronously, so that the process cannot end before it listens for its exit.
   * @param purpose one word for its name
   * @param where the folder to create it in; default: the system's temporary folder
   * @throws EdgecError CANNOT_WRITE when it cannot be created there
   */
  static create(purpose: string, where = tmpdir()): Promise<TemporaryFolder> {
    try {
      return Promise.resolve(new TemporaryFolder(mkdtempSync(temporaryPrefix(where, purpose))));
    } catch (cause) {
      return Promise.reject(new EdgecError("CANNOT_WRITE", refusalText(cause, where), { cause }));
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Removes the folder once nothing refers to `owner` any more. */
  removeWith(owner: object): void {
    const { path, letGo } = this;
    unowned.register(owner, () => {
      letGo();
      rmSync(path, { recursive: true, force: true });
    });
  }

  async remove(): Promise<void> {
    this.letGo();
    await rm(this.path, { recursive: true, force: true });
  }
}

function refusalText(cause: unknown, where: string): string {
  const { code } = cause as NodeJS.ErrnoException;
  const isDefault = where === tmpdir();
  if (code === "ENOENT" || code === "ENOTDIR") {
    const reason = code === "ENOENT" ? "the folder does not exist" : "it is not a folder";
    return (
      `cannot create a temporary folder in ${where}: ` +
      `${reason}.${isDefault ? " Set TMPDIR to a folder that exists." : ""}`
    );
  }
  const advice = isDefault ? " Set TMPDIR to a writable folder with enough space." : "";
  // Leaves out the generated name, which means nothing to the user.
  const reason = (systemErrorOf(cause, where)?.message ?? (cause as Error).message).replace(
    /, mkdtemp '[^']*'/,
    "",
  );
  return `cannot create a temporary folder in ${where}: ${reason.replace(/\.$/, "")}.${advice}`;
}
