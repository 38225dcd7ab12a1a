/** Writes a compressed model: to a temporary file beside its final place, renamed only at the end. */
import { existsSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { throwIfAborted } from "../abort.js";
import { EdgecError } from "../errors.js";
import { ScratchFile, takeNames, TemporaryFolder } from "../onnx/index.js";
import { notify } from "../run-notices.js";
import { isEqualFile } from "./edgec-mark.js";
import { identityOf, isSameFile, isSameName, type FileRead } from "./file-identity.js";
import { modelFiles } from "./files-read.js";
import { defaultOutputPath, requireModelPlace } from "./output-place.js";
import { isReplaceable, refuseOverlap, type FileWritten } from "./overwriting.js";
import { option } from "../option-names.js";

interface OutputTarget {
  /** The file to write; undefined when the caller only wants bytes. */
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

/** The files that a run writes beside its output. */
interface WrittenBeside {
  /** Whether weights go into a separate file. */
  readonly data: "will" | "may" | "not";
  readonly searches: boolean;
}

/** A folder for the files of one run, removed at its end or when the process exits. */
export class OutputFile {
  /**
   * Holds the large tensors of this run, beside the output, where there is disk space for them. Undefined
   * without an output: then the model itself is the result and must outlive the run.
   */
  readonly scratch: ScratchFile | undefined;

  private constructor(
    readonly output: string | undefined,
    private readonly folder: TemporaryFolder,
    private readonly force = false,
    private readonly replacesInput = false,
    private readonly replacesData = true,
    private readonly replacesEqual = true,
  ) {
    this.scratch = output === undefined ? undefined : new ScratchFile(folder.file("scratch"));
  }

  /**
   * Checks that the output can be written, before any work is done. Throws EdgecError CANNOT_WRITE as
   * `requireModelPlace` does, and OUTPUT_EXISTS when the output is the input or a file that edgec did not
   * write and `force` is not set.
   */
  static async prepare({ output, input, force }: OutputTarget): Promise<OutputFile> {
    if (output === undefined) return new OutputFile(undefined, await TemporaryFolder.create("run"));
    await requireModelPlace(output);
    const { model, weights } = filesWritten(output);
    if (input !== undefined) refuseOverlap([model], modelFiles(input, []), { force });
    const replacesInput = input !== undefined && isSameFile(identityOf(output), identityOf(input));
    // The user did not choose the default name, so a file with that name comes from an earlier run.
    const isFree = force || (input !== undefined && isSameName(output, defaultOutputPath(input)));
    const isOurs = isFree || isReplaceable(model);
    // A model that no pass changed is written without the mark. A file that equals the input may be such an
    // output, or the user's own copy. So only the same bytes may replace it.
    if (!isOurs && (input === undefined || !isEqualFile(output, input))) throw existing(output);
    const replacesData = force || isReplaceable(weights, output);
    // In the output's folder, so that renaming stays within one file system.
    const folder = await TemporaryFolder.create("run", dirname(resolve(output)));
    return new OutputFile(output, folder, force, replacesInput, replacesData, isOurs);
  }

  /**
   * A path for one model of this run, in a folder of its own. It has the output's name, because external data
   * is named after it.
   */
  async path(purpose: string): Promise<string> {
    const folder = this.folder.file(purpose);
    await mkdir(folder, { recursive: true });
    return join(folder, basename(this.output ?? "model.onnx"));
  }

  /**
   * Throws EdgecError OUTPUT_EXISTS when the model, its data file or the search state would replace a file
   * that the run reads, or when the data file would replace one that edgec did not write.
   */
  requireSafe(read: readonly FileRead[], { data, searches }: WrittenBeside): void {
    if (this.output === undefined) return;
    const { model, weights, search } = filesWritten(this.output);
    const beside = [...(data === "not" ? [] : [weights]), ...(searches ? [search] : [])];
    refuseOverlap([model, ...beside], read, { force: this.force });
    if (data === "will" && !this.replacesData) throw existing(weights.path);
  }

  /**
   * Paths of data files that will be unused beside the output: one with the name that its weights would have,
   * and those of the input when the output replaces it.
   * @param inputData paths of the input's data files
   */
  async unusedData(written: string, inputData: readonly string[]): Promise<string[]> {
    const { output, replacesInput } = this;
    if (output === undefined) return [];
    const used = [
      ...(await readdir(dirname(written)).then((names) => names.map((name) => join(dirname(output), name)))),
      ...(replacesInput ? [] : inputData),
    ];
    const isUsed = new Set(used.map((path) => resolve(path)));
    const candidates = [
      ...new Set([`${output}.data`, ...(replacesInput ? inputData : [])].map((path) => resolve(path))),
    ];
    const isThere = await Promise.all(
      candidates.map((path) =>
        stat(path).then(
          (found) => found.isFile(),
          () => false,
        ),
      ),
    );
    return candidates.filter((path, k) => isThere[k] === true && !isUsed.has(path));
  }

  /** The files that `commit` will make from the model at `written`: the model, then its data. */
  async finalNames(written: string): Promise<string[]> {
    const { output } = this;
    if (output === undefined) return [];
    return [output, ...(await dataBeside(written)).map((name) => join(dirname(output), name))];
  }

  /**
   * Gives the model at `written` and its external data, if any, their final names: either all of them or
   * none.
   */
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
      throw new EdgecError(
        "CANNOT_WRITE",
        `cannot write ${output}: ${cause instanceof Error ? cause.message : String(cause)}. Nothing was changed.`,
        { cause },
      );
    }
    notify({ kind: "written", path: output });
  }

  /**
   * Writes a model beside the output for a person to inspect, never over an existing file. Returns its path.
   */
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

/** Names of the files beside the model at `written`, which has its own folder. */
async function dataBeside(written: string): Promise<string[]> {
  return (await readdir(dirname(written))).filter((name) => name !== basename(written));
}

function existing(path: string): EdgecError {
  const way = `Choose another name with ${option("output")}, or give ${option("force")} to replace it.`;
  return new EdgecError("OUTPUT_EXISTS", `${path} exists, and edgec did not write it. ${way}`);
}
