/** A folder for models that are written on the way: gone when they were used, or when the process exits before. */
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EdgecError } from "../errors.js";
import { troubleOf } from "../trouble.js";
import { temporaryPrefix } from "./temporary-name.js";

export class TemporaryFolder {
  private readonly removeAtExit = (): void => rmSync(this.path, { recursive: true, force: true });

  /** An interrupted process ends without unwinding, so the folder is also tied to the process. */
  private constructor(readonly path: string) {
    process.on("exit", this.removeAtExit);
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
      const advice = where === tmpdir() ? " Set TMPDIR to a folder with room that can be written to." : "";
      const reason = troubleOf(cause, where)?.message ?? `${(cause as Error).message}.`;
      const message = `cannot make a temporary folder in ${where}: ${reason}${advice}`;
      return Promise.reject(new EdgecError("CANNOT_WRITE", message, { cause }));
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async remove(): Promise<void> {
    process.off("exit", this.removeAtExit);
    await rm(this.path, { recursive: true, force: true });
  }
}
