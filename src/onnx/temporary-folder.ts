/** A folder for models that are written on the way: gone when they were used, or when the process exits before. */
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../at-exit.js";
import { EdgecError } from "../errors.js";
import { troubleOf } from "../trouble.js";
import { temporaryPrefix } from "./temporary-name.js";

export class TemporaryFolder {
  private readonly letGo: () => void;

  /** An interrupted process ends without unwinding, so the folder is also tied to the process. */
  private constructor(readonly path: string) {
    this.letGo = atExit(() => rmSync(path, { recursive: true, force: true }));
  }

  /**
   * Made at once, so that the process cannot end between the making and the listening for its end.
   * @param purpose one word for its name
   * @param where the folder to make it in; default: the system's folder for temporary files
   * @throws EdgecError CANNOT_WRITE when that folder does not take a new one
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

  async remove(): Promise<void> {
    this.letGo();
    await rm(this.path, { recursive: true, force: true });
  }
}

function refusalText(cause: unknown, where: string): string {
  const { code } = cause as NodeJS.ErrnoException;
  const isDefault = where === tmpdir();
  if (code === "ENOENT" || code === "ENOTDIR") {
    const reason = code === "ENOENT" ? "the folder does not exist" : "that is not a folder";
    return `cannot make a temporary folder in ${where}: ${reason}.${isDefault ? " Set TMPDIR to one that exists." : ""}`;
  }
  const advice = isDefault ? " Set TMPDIR to a folder with room that can be written to." : "";
  // The name that was tried means nothing to anyone.
  const reason = (troubleOf(cause, where)?.message ?? (cause as Error).message).replace(/, mkdtemp '[^']*'/, "");
  return `cannot make a temporary folder in ${where}: ${reason.replace(/\.$/, "")}.${advice}`;
}
