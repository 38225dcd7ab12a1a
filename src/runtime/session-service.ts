/** The child's side of the remote runtime: numbered sessions, timing and the dump of the optimized graph. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { timeSessions, type ModelTimes, type TimingOptions } from "./interleaved.js";
import { loadRuntime } from "./load.js";
import type { LocalSession, OnnxRuntime, SessionOptions, UsedLevel } from "./runtime.js";

export interface OpenedSession {
  readonly id: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

const sessions = new Map<number, LocalSession>();
let nextId = 1;

export async function info(): Promise<Pick<OnnxRuntime, "name" | "version" | "nativeMissing">> {
  const { name, version, nativeMissing } = await loadRuntime();
  return { name, version, ...(nativeMissing === undefined ? {} : { nativeMissing }) };
}

export async function open(model: string | Uint8Array, options: SessionOptions): Promise<OpenedSession> {
  const session = await openMeasured(model, options);
  const id = nextId++;
  sessions.set(id, session);
  return { id, inputNames: session.inputNames, outputNames: session.outputNames };
}

export interface LoadCost {
  /** Processor time of this process in milliseconds. */
  readonly ms: number;
  /** The most memory in use, beyond what was in use before. */
  readonly peakBytes: number;
}

/** The first model that this process has loaded. */
export interface FirstLoad {
  readonly path: string;
  readonly cost: LoadCost;
}

let hasLoaded = false;
let first: FirstLoad | undefined;

/**
 * What the first load of this process took; undefined if nothing was loaded yet, or not from a file with one
 * thread. What a later one takes means little: memory that an earlier model has left is taken again.
 */
export function firstLoad(): FirstLoad | undefined {
  return first;
}

async function openMeasured(model: string | Uint8Array, options: SessionOptions): Promise<LocalSession> {
  const runtime = await loadRuntime();
  const isFirst = !hasLoaded;
  hasLoaded = true;
  if (!isFirst || typeof model !== "string" || options.threads !== 1) return runtime.open(model, options);
  const before = process.memoryUsage.rss();
  const start = process.cpuUsage();
  const session = await runtime.open(model, options);
  const { user, system } = process.cpuUsage(start);
  const peakBytes = Math.max(peakResidentBytes(), process.memoryUsage.rss()) - before;
  first = { path: model, cost: { ms: (user + system) / 1000, peakBytes: Math.max(0, peakBytes) } };
  return session;
}

/**
 * The most memory that this process had. On Linux, the operating system's own figure starts at what the parent had when
 * it started this process (signal->maxrss is kept over exec), so that of the address space is read.
 */
function peakResidentBytes(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
    if (kibibytes !== undefined) return 1024 * Number(kibibytes);
  } catch {
    // There is no such file on other systems.
  }
  // In units of 1024 bytes on every system.
  return 1024 * process.resourceUsage().maxRSS;
}

export async function run(id: number, feed: Feed, outputs: readonly string[] | undefined): Promise<Feed> {
  return sessionOf(id).run(feed, outputs);
}

export async function usedLevel(id: number): Promise<UsedLevel> {
  return sessionOf(id).usedLevel();
}

function sessionOf(id: number): LocalSession {
  const session = sessions.get(id);
  if (!session) throw new EdgecError("PASS_FAILED", "the session has already been released");
  return session;
}

export async function release(id: number): Promise<void> {
  const session = sessions.get(id);
  sessions.delete(id);
  await session?.release();
}

/** Times sessions of this process in turns on the same feeds. */
export async function timeInterleaved(
  ids: readonly number[],
  feeds: readonly Feed[],
  options: TimingOptions,
): Promise<ModelTimes[]> {
  return timeSessions(ids.map(sessionOf), feeds, options);
}

/**
 * Writes the graph as this machine's CPU executes it to `path`, at the highest level that loads, and returns
 * its bytes. Weights of 1 KiB and more go to a separate file that the bytes refer to: only the structure of
 * the graph matters.
 */
export async function optimizedGraph(
  model: string | Uint8Array,
  path: string,
  label?: string,
): Promise<Uint8Array> {
  const runtime = await loadRuntime();
  try {
    const named = label === undefined ? {} : { label };
    const session = await runtime.open(model, {
      optimizedModelPath: path,
      config: EXTERNAL_WEIGHTS,
      ...named,
    });
    await session.release();
  } catch (error) {
    // Only the dump is written there, so the dump failed.
    throw error instanceof Error && error.message.includes(dirname(path)) ? noRoom(path, error) : error;
  }
  return readFile(path);
}

function noRoom(path: string, cause: Error): EdgecError {
  const place = dirname(dirname(path));
  const advice = "Free some disk space there, or set TMPDIR to a folder with enough space.";
  const message = `cannot write to the folder for temporary files, ${place}. ${advice}`;
  return new EdgecError("CANNOT_WRITE", message, { cause });
}

/** Keeps the dump small and within protobuf's limit of 2 GB. */
const EXTERNAL_WEIGHTS = {
  "session.optimized_model_external_initializers_file_name": "optimized.bin",
  "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
};
