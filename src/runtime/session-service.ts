/** The child's side of the remote runtime: sessions by number, timing and the dump of the optimized graph. */
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { timeSessions, type ModelTimes, type TimingOptions } from "./interleaved.js";
import { loadRuntime } from "./load.js";
import type { LocalSession, OnnxRuntime, Session, SessionOptions, UsedLevel } from "./runtime.js";

export interface OpenedSession {
  readonly id: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

const sessions = new Map<number, Session>();
let nextId = 1;

export async function info(): Promise<Pick<OnnxRuntime, "name" | "version" | "nativeMissing">> {
  const { name, version, nativeMissing } = await loadRuntime();
  return { name, version, ...(nativeMissing === undefined ? {} : { nativeMissing }) };
}

export async function open(model: string | Uint8Array, options: SessionOptions): Promise<OpenedSession> {
  const runtime = await loadRuntime();
  const session = await runtime.open(model, options);
  const id = nextId++;
  sessions.set(id, session);
  return { id, inputNames: session.inputNames, outputNames: session.outputNames };
}

export async function run(id: number, feed: Feed, outputs: readonly string[] | undefined): Promise<Feed> {
  return sessionOf(id).run(feed, outputs);
}

export async function usedLevel(id: number): Promise<UsedLevel> {
  return sessionOf(id).usedLevel();
}

function sessionOf(id: number): Session {
  const session = sessions.get(id);
  if (!session) throw new EdgecError("PASS_FAILED", "the session has been released already");
  return session;
}

export async function release(id: number): Promise<void> {
  const session = sessions.get(id);
  sessions.delete(id);
  await session?.release();
}

/** Opens all models in this process and times them against each other on the same feeds. */
export async function timeInterleaved(models: readonly (string | Uint8Array)[], feeds: readonly Feed[], options: TimingOptions): Promise<ModelTimes[]> {
  const runtime = await loadRuntime();
  const opened: LocalSession[] = [];
  try {
    for (const [k, model] of models.entries()) {
      const label = options.labels?.[k];
      const config = { ...QUIET_THREADS, ...options.config };
      opened.push(await runtime.open(model, { threads: options.threads, config, ...(label === undefined ? {} : { label }) }));
    }
    return await timeSessions(opened, feeds, options);
  } finally {
    for (const session of opened) await session.release();
  }
}

/** Worker threads of one session must not spin on while another session is being timed. */
const QUIET_THREADS = { "session.force_spinning_stop": "1" };

/**
 * Writes the ONNX file of the graph as this machine's CPU executes it to `path`, at the highest level that loads, and
 * returns its bytes. Weights of 1 KiB and more go to a file beside it, which the bytes refer to: they are for the
 * graph's structure.
 */
export async function optimizedGraph(model: string | Uint8Array, path: string, label?: string): Promise<Uint8Array> {
  const runtime = await loadRuntime();
  try {
    const named = label === undefined ? {} : { label };
    const session = await runtime.open(model, { optimizedModelPath: path, config: EXTERNAL_WEIGHTS, ...named });
    await session.release();
  } catch (error) {
    // Only the dump goes there, so it is the dump that could not be written.
    throw error instanceof Error && error.message.includes(dirname(path)) ? noRoom(path, error) : error;
  }
  return readFile(path);
}

function noRoom(path: string, cause: Error): EdgecError {
  const place = dirname(dirname(path));
  const advice = "Free some space there, or set TMPDIR to a folder with room.";
  const message = `cannot write to the folder for temporary files, ${place}. ${advice}`;
  return new EdgecError("CANNOT_WRITE", message, { cause });
}

/** Keeps the dump small and free of protobuf's limit of 2 GB. */
const EXTERNAL_WEIGHTS = {
  "session.optimized_model_external_initializers_file_name": "optimized.bin",
  "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
};
