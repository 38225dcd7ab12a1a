/** Where a compressed model goes: a temporary file beside its place, which takes its name only at the end. */
import { existsSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { throwIfAborted } from "../abort.js";
import { EdgecError } from "../errors.js";
import { ScratchFile, takeNames, TemporaryFolder } from "../onnx/index.js";
import { notify } from "../run-notices.js";
import { isEqualFile } from "./edgec-mark.js";
import { identityOf, isSameFile, isSameName } from "./file-identity.js";
import { modelFiles } from "./files-read.js";
import { defaultOutputPath, requireModelPlace } from "./output-place.js";
import { isReplaceable, refuseOverlap, type FileRead, type FileWritten } from "./overwriting.js";

export interface OutputTarget {
  /** The file to write; undefined when the caller wants bytes alone. */
  readonly output: string | undefined;
  /** The file being read, which is overwritten only with `force`. */
  readonly input: string | undefined;
  readonly force: boolean;
}

/** The paths that a run may write for one output. */
export function filesWritten(output: string): Readonly<Record<"model" | "weights" | "search", FileWritten>> {
  return {
    model: { path: output, what: "model" },
    weights: { path: `${output}.data`, what: "weights" },
    search: { path: `${output}.search.json`, what: "search state" },
  };
}

/** What a run writes beside its output. */
export interface WrittenBeside {
  /** Whether weights go into a file of their own. */
  readonly data: "will" | "may" | "not";
  readonly searches: boolean;
}

/** A folder for the files of one run, removed at its end or when the process exits. */
export class OutputFile {
  /**
   * Takes the large tensors of this run, beside the output, where there is room for them. Undefined without an output:
   * the model then is the result, and must outlive the run.
   */
  readonly scratch: ScratchFile | undefined;

  private constructor(
    readonly output: string | undefined, private readonly folder: TemporaryFolder, private readonly force = false,
    private readonly replacesInput = false, private readonly replacesData = true, private readonly replacesEqual = true,
  ) {
    this.scratch = output === undefined ? undefined : new ScratchFile(folder.file("scratch"));
  }

  /**
   * Checks that the output can be written, before any work is done. Throws EdgecError CANNOT_WRITE as `requireModelPlace`,
   * OUTPUT_EXISTS when it is the input, or a file that edgec did not write, and `force` is not set.
   */
  static async prepare({ output, input, force }: OutputTarget): Promise<OutputFile> {
    if (output === undefined) return new OutputFile(undefined, await TemporaryFolder.create("run"));
    await requireModelPlace(output);
    const { model, weights } = filesWritten(output);
    if (input !== undefined) refuseOverlap([model], modelFiles(input, []), { force });
    const replacesInput = input !== undefined && isSameFile(identityOf(output), identityOf(input));
    // Whoever has not chosen the name has not chosen what lies there: an earlier run's result.
    const isFree = force || (input !== undefined && isSameName(output, defaultOutputPath(input)));
    const isOurs = isFree || isReplaceable(model);
    // A model that no pass changed is written without the mark. A file that equals the input may be that, or a copy of
    // the user's: then only the same bytes may take its place.
    if (!isOurs && (input === undefined || !isEqualFile(output, input))) throw existing(output);
    const replacesData = force || isReplaceable(weights, output);
    // In the output's folder, so that taking the name is a rename within one file system.
    const folder = await TemporaryFolder.create("run", dirname(resolve(output)));
    return new OutputFile(output, folder, force, replacesInput, replacesData, isOurs);
  }

  /** A path for one model of this run, in a folder of its own: it bears the output's name, as external data is named after it. */
  async path(purpose: string): Promise<string> {
    const folder = this.folder.file(purpose);
    await mkdir(folder, { recursive: true });
    return join(folder, basename(this.output ?? "model.onnx"));
  }

  /**
   * Throws EdgecError OUTPUT_EXISTS when the model, its data file or what a search keeps would take the place of a file
   * that the run reads, or the data file that of one that edgec did not write.
   */
  requireSafe(read: readonly FileRead[], { data, searches }: WrittenBeside): void {
    if (this.output === undefined) return;
    const { model, weights, search } = filesWritten(this.output);
    const beside = [...(data === "not" ? [] : [weights]), ...(searches ? [search] : [])];
    refuseOverlap([model, ...beside], read, { force: this.force });
    if (data === "will" && !this.replacesData) throw existing(weights.path);
  }

  /**
   * Data files that will lie unused beside the output: one of the name that its weights would have, and those of the
   * input when the output takes its place. Paths.
   * @param inputData paths of the input's data files
   */
  async unusedData(written: string, inputData: readonly string[]): Promise<string[]> {
    const { output, replacesInput } = this;
    if (output === undefined) return [];
    const used = [...await readdir(dirname(written)).then((names) => names.map((name) => join(dirname(output), name))), ...(replacesInput ? [] : inputData)];
    const isUsed = new Set(used.map((path) => resolve(path)));
    const candidates = [...new Set([`${output}.data`, ...(replacesInput ? inputData : [])].map((path) => resolve(path)))];
    const isThere = await Promise.all(candidates.map((path) => stat(path).then((found) => found.isFile(), () => false)));
    return candidates.filter((path, k) => isThere[k] === true && !isUsed.has(path));
  }

  /** The files that `commit` will make of the model at `written`: itself, then its data. */
  async finalNames(written: string): Promise<string[]> {
    const { output } = this;
    if (output === undefined) return [];
    return [output, ...(await dataBeside(written)).map((name) => join(dirname(output), name))];
  }

  /** Gives the model at `written`, and its external data if there is some, their final names, all or none of them. */
  async commit(written: string): Promise<void> {
    const { output } = this;
    if (output === undefined) return;
    throwIfAborted();
    const folder = dirname(written);
    const names = await dataBeside(written);
    const moves = names.map((name) => ({ from: join(folder, name), to: join(dirname(output), name) }));
    const [data] = moves;
    if (data && !this.replacesData) throw existing(data.to);
    if (!this.replacesEqual && !isEqualFile(written, output)) throw existing(output);
    notify({ kind: "writing", path: output });
    try {
      takeNames([...moves, { from: written, to: output }]);
    } catch (cause) {
      throw new EdgecError("CANNOT_WRITE", `cannot write ${output}: ${cause instanceof Error ? cause.message : String(cause)}. Nothing was changed.`, { cause });
    }
    notify({ kind: "written", path: output });
  }

  /** Writes a model for a person to look at, beside the output, never over another file. Returns its path. */
  async keep(bytes: Uint8Array, purpose: string): Promise<string> {
    const stem = `${this.output ?? join(tmpdir(), "edgec.onnx")}.before-${purpose}`;
    for (let k = 1; ; k++) {
      const path = k === 1 ? `${stem}.onnx` : `${stem}-${k}.onnx`;
      if (existsSync(path)) continue;
      await writeFile(path, bytes, { flag: "wx" });
      return path;
    }
  }

  async remove(): Promise<void> {
    this.scratch?.close();
    await this.folder.remove();
  }
}

/** Names of the files beside the model at `written`, which has a folder of its own. */
async function dataBeside(written: string): Promise<string[]> {
  return (await readdir(dirname(written))).filter((name) => name !== basename(written));
}

function existing(path: string): EdgecError {
  const way = "Choose another name with -o, or give --force to replace it.";
  return new EdgecError("OUTPUT_EXISTS", `${path} exists, and edgec did not write it. ${way}`);
}
