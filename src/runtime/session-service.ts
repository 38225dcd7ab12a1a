/** The child's side of the remote runtime: sessions by number, timing and the dump of the optimized graph. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { timeSessions, type ModelTimes, type TimingOptions } from "./interleaved.js";
import { loadRuntime } from "./load.js";
import type { LocalSession, Session, SessionOptions, UsedLevel } from "./runtime.js";

export interface OpenedSession {
  readonly id: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

const sessions = new Map<number, Session>();
let nextId = 1;

export async function info(): Promise<{ name: "onnxruntime-node" | "onnxruntime-web"; version: string }> {
  const { name, version } = await loadRuntime();
  return { name, version };
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
 * The ONNX file of the graph as this machine's CPU executes it at the highest level that loads. Weights of 1 KiB and
 * more are referred to as external data that is gone by the time this returns: the graph's structure is what it is for.
 */
export async function optimizedGraph(model: string | Uint8Array, label?: string): Promise<Uint8Array> {
  const runtime = await loadRuntime();
  const folder = await mkdtemp(join(tmpdir(), "edgec-graph-"));
  try {
    const path = join(folder, "optimized.onnx");
    const named = label === undefined ? {} : { label };
    const session = await runtime.open(model, { optimizedModelPath: path, config: EXTERNAL_WEIGHTS, ...named });
    await session.release();
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Keeps the dump small and free of protobuf's limit of 2 GB. */
const EXTERNAL_WEIGHTS = {
  "session.optimized_model_external_initializers_file_name": "optimized.bin",
  "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
};
