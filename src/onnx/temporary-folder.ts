/** A folder for models that are written on the way: gone when they were used, or when the process exits before. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EdgecError } from "../errors.js";
import { forgetOwnFiles, nameOwnFile } from "./own-files.js";

export class TemporaryFolder {
  private readonly removeAtExit = (): void => rmSync(this.path, { recursive: true, force: true });

  /** An interrupted process ends without unwinding, so the folder is also tied to the process. */
  private constructor(readonly path: string) {
    process.on("exit", this.removeAtExit);
  }

  /** Throws EdgecError CANNOT_WRITE when the system's temporary folder does not take a new one. */
  static async create(purpose: string): Promise<TemporaryFolder> {
    try {
      return new TemporaryFolder(await mkdtemp(join(tmpdir(), `edgec-${purpose}-`)));
    } catch (cause) {
      throw new EdgecError("CANNOT_WRITE", `cannot make a temporary folder in ${tmpdir()}: ${(cause as Error).message}; set TMPDIR to a folder with room`, { cause });
    }
  }

  file(name: string): string {
    const path = join(this.path, name);
    nameOwnFile(path, name);
    return path;
  }

  async remove(): Promise<void> {
    process.off("exit", this.removeAtExit);
    forgetOwnFiles(this.path);
    await rm(this.path, { recursive: true, force: true });
  }
}
