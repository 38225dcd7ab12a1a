/** Keeps the models that calibration makes, in a temporary folder that is removed when done. */
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { TemporaryFolder, writeModel } from "../onnx/index.js";

/** Name in messages of a model that runs as a copy. */
export function modelLabel({ path }: Pick<Model, "path">): string {
  return path ?? "the model";
}

export class ScratchModels {
  private written = 0;

  private constructor(private readonly folder: TemporaryFolder) {}

  /** Throws as `TemporaryFolder.create` does. */
  static async create(): Promise<ScratchModels> {
    return new ScratchModels(await TemporaryFolder.create("calibration"));
  }

  /** Writes a model and returns its path. Copies external data beside it. */
  write(model: Model): string {
    return writeModel(model, this.pathOf(this.written++), { durable: false }).path;
  }

  /** A path for something else. */
  file(name: string): string {
    return this.folder.file(name);
  }

  /** The same error, with `model` in place of the names of its copies. */
  unnamed(error: unknown, model: string): unknown {
    if (!(error instanceof EdgecError) || !error.message.includes(this.folder.path)) return error;
    const copies = Array.from({ length: this.written }, (_, i) => this.pathOf(i));
    return new EdgecError(
      error.code,
      copies.reduceRight((text, copy) => text.replaceAll(copy, model), error.message),
      { cause: error },
    );
  }

  remove(): Promise<void> {
    return this.folder.remove();
  }

  private pathOf(index: number): string {
    return this.folder.file(`${index}.onnx`);
  }
}
