/** A temporary folder for the models that calibration makes, gone when it is done. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";

export class ScratchModels {
  private written = 0;

  private readonly removeAtExit = (): void => rmSync(this.folder, { recursive: true, force: true });

  /** An interrupted process ends without unwinding, so the folder is also tied to the process. */
  private constructor(private readonly folder: string) {
    process.on("exit", this.removeAtExit);
  }

  /** Throws EdgecError CANNOT_WRITE when the system's temporary folder does not take a new one. */
  static async create(): Promise<ScratchModels> {
    try {
      return new ScratchModels(await mkdtemp(join(tmpdir(), "edgec-calibration-")));
    } catch (cause) {
      const { message } = cause as Error;
      throw new EdgecError("CANNOT_WRITE", `cannot make a temporary folder in ${tmpdir()}: ${message}; set TMPDIR to a folder with room`, { cause });
    }
  }

  /** Writes a model and returns its path. External data is copied beside it. */
  write(model: Model): string {
    return writeModel(model, join(this.folder, `${this.written++}.onnx`)).path;
  }

  /** The same failure, told of `model` instead of the copies that were made of it. */
  unnamed(error: unknown, model: string): unknown {
    if (!(error instanceof EdgecError) || !error.message.includes(this.folder)) return error;
    const copies = Array.from({ length: this.written }, (_, i) => join(this.folder, `${i}.onnx`));
    return new EdgecError(error.code, copies.reduceRight((text, copy) => text.replaceAll(copy, model), error.message), { cause: error });
  }

  async remove(): Promise<void> {
    process.removeListener("exit", this.removeAtExit);
    await rm(this.folder, { recursive: true, force: true });
  }
}
