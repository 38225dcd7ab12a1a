/** Where a compressed model goes: a temporary file beside its place, which takes its name only at the end. */
import { randomBytes } from "node:crypto";
import { constants, rmSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import { forgetOwnFiles, nameOwnFile, ScratchFile, takeNames } from "../onnx/index.js";

/** "model.edgec.onnx" beside "model.onnx". */
export function defaultOutputPath(input: string): string {
  const extension = extname(input);
  return join(dirname(input), `${basename(input, extension)}.edgec${extension || ".onnx"}`);
}

export interface OutputTarget {
  /** The file to write; undefined when the caller wants bytes alone. */
  readonly output: string | undefined;
  /** The file being read, which is overwritten only with `force`. */
  readonly input: string | undefined;
  readonly force: boolean;
}

/** A folder for the files of one run, removed at its end or when the process exits. */
export class OutputFile {
  private readonly removeAtExit = (): void => rmSync(this.folder, { recursive: true, force: true });

  /**
   * Takes the large tensors of this run, beside the output, where there is room for them. Undefined without an output:
   * the model then is the result, and must outlive the run.
   */
  readonly scratch: ScratchFile | undefined;

  private constructor(readonly output: string | undefined, private readonly folder: string, private readonly force: boolean, private readonly replacesInput = false) {
    this.scratch = output === undefined ? undefined : new ScratchFile(join(folder, "scratch"));
    process.once("exit", this.removeAtExit);
  }

  /**
   * Checks that the output can be written, before any work is done. Throws EdgecError CANNOT_WRITE when its folder is
   * missing or read-only, OUTPUT_EXISTS when it is the input and `force` is not set.
   */
  static async prepare({ output, input, force }: OutputTarget): Promise<OutputFile> {
    if (output === undefined) return new OutputFile(undefined, await mkdtemp(join(tmpdir(), "edgec-")), force);
    await requireFolder(output);
    const replacesInput = input !== undefined && await isSameFile(output, input);
    if (!force && replacesInput) {
      throw new EdgecError("OUTPUT_EXISTS", `${output} is the model being read. Choose another name with -o, or give --force to overwrite it.`);
    }
    // In the output's folder, so that taking the name is a rename within one file system.
    const folder = await mkdtemp(join(dirname(resolve(output)), `.edgec-${randomBytes(3).toString("hex")}-`));
    return new OutputFile(output, folder, force, replacesInput);
  }

  /** A path for one model of this run, in a folder of its own: it bears the output's name, as external data is named after it. */
  async path(purpose: string): Promise<string> {
    const folder = join(this.folder, purpose);
    await mkdir(folder, { recursive: true });
    const path = join(folder, basename(this.output ?? "model.onnx"));
    nameOwnFile(path, purpose);
    return path;
  }

  /**
   * Throws EdgecError OUTPUT_EXISTS when external data of the output would take the place of a file that the input's
   * tensors lie in, unless the input itself is to be overwritten by force.
   * @param inputData paths of the input's data files
   */
  async requireDataPlace(inputData: readonly string[]): Promise<void> {
    if (this.output === undefined || this.force) return;
    const dataPath = `${this.output}.data`;
    for (const path of inputData) {
      if (!(await isSameFile(path, dataPath))) continue;
      throw new EdgecError("OUTPUT_EXISTS", `${dataPath} holds weights of the model being read. Choose another name with -o, or give --force to overwrite it.`);
    }
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

  /** Gives the model at `written`, and its external data if there is some, their final names, all or none of them. */
  async commit(written: string): Promise<void> {
    const { output } = this;
    if (output === undefined) return;
    const folder = dirname(written);
    const data = (await readdir(folder)).filter((name) => name !== basename(written));
    const moves = data.map((name) => ({ from: join(folder, name), to: join(dirname(output), name) }));
    try {
      takeNames([...moves, { from: written, to: output }]);
    } catch (cause) {
      throw new EdgecError("CANNOT_WRITE", `cannot write ${output}: ${cause instanceof Error ? cause.message : String(cause)}. Nothing was changed.`, { cause });
    }
  }

  /** Writes a model for a person to look at, beside the output, where it stays. Returns its path. */
  async keep(bytes: Uint8Array, purpose: string): Promise<string> {
    const path = `${this.output ?? join(tmpdir(), "edgec.onnx")}.before-${purpose}.onnx`;
    await writeFile(path, bytes);
    return path;
  }

  async remove(): Promise<void> {
    process.off("exit", this.removeAtExit);
    this.scratch?.close();
    forgetOwnFiles(this.folder);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function requireFolder(output: string): Promise<void> {
  if (output === "" || /[/\\]$/.test(output)) throw new EdgecError("CANNOT_WRITE", `cannot write "${output}": that names no file. Give a file name with -o.`);
  const folder = dirname(resolve(output));
  try {
    if (!(await stat(folder)).isDirectory()) throw new EdgecError("CANNOT_WRITE", `cannot write ${output}: ${folder} is not a folder.`);
    await access(folder, constants.W_OK);
    if (await isFolder(output)) throw new EdgecError("CANNOT_WRITE", `cannot write ${output}: it is a folder. Give a file name with -o.`);
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new EdgecError("CANNOT_WRITE", `cannot write ${output}: the folder ${folder} ${missing ? "does not exist. Create it first" : "cannot be written to. Choose another with -o"}.`, { cause });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((path) => realpath(path).catch(() => undefined)));
  return first !== undefined && first === second;
}
