/** The runtime in a child process, with the same interface as in this process. */
import { statSync } from "node:fs";
import type { Feed } from "../ir/index.js";
import { dataFiles, readModel } from "../onnx/index.js";
import { TemporaryFolder } from "../onnx/temporary-folder.js";
import { inProportion, LimitExceeded, limitText, runLimits, type WorkLimit } from "../run-limits.js";
import type { ModelTimes, TimingOptions } from "./interleaved.js";
import type { RuntimeKind } from "./load.js";
import type { OnnxRuntime, Session, SessionOptions, UsedLevel } from "./runtime.js";
import { startService, type LimitError, type ServiceClient } from "./service.js";
import { sessionLabel } from "./session-label.js";
import { inTurn } from "./timing-turns.js";
import type * as SessionService from "./session-service.js";
import type { FirstLoad, OpenedSession } from "./session-service.js";
import { option } from "../option-names.js";

type Client = ServiceClient<typeof SessionService>;

/**
 * Starts a child process with onnxruntime. Close it when done; otherwise it ends with this process. Throws
 * EdgecError RUNTIME_MISSING.
 * @param kind the only package to load; default as for `loadRuntime`
 */
export async function openRemote(kind?: RuntimeKind): Promise<RemoteRuntime> {
  const client = await startService<typeof SessionService>(new URL("./session-service.js", import.meta.url), {
    label: "onnxruntime",
    ...(kind === undefined ? {} : { env: { EDGEC_RUNTIME: kind } }),
  });
  try {
    return await RemoteRuntime.over(client);
  } catch (error) {
    await client.close();
    throw error;
  }
}

/**
 * All methods reject with EdgecError RUNTIME_CRASHED when the child ends; the message says what it was doing.
 */
export class RemoteRuntime {
  readonly name: OnnxRuntime["name"];
  readonly version: string;
  readonly nativeMissing?: string;

  private constructor(
    private readonly client: Client,
    { name, version, nativeMissing }: Pick<OnnxRuntime, "name" | "version" | "nativeMissing">,
  ) {
    this.name = name;
    this.version = version;
    if (nativeMissing !== undefined) this.nativeMissing = nativeMissing;
  }

  /**
   * The runtime in a running service: this room's, or one that has its functions. Throws EdgecError
   * RUNTIME_MISSING.
   */
  static async over(client: Client): Promise<RemoteRuntime> {
    return new RemoteRuntime(client, await client.call("info", [], "loading"));
  }

  /** The child's process id, or undefined once it has ended. */
  get pid(): number | undefined {
    return this.client.pid;
  }

  info(): { name: OnnxRuntime["name"]; version: string } {
    return { name: this.name, version: this.version };
  }

  async open(model: string | Uint8Array, options: SessionOptions = {}): Promise<RemoteSession> {
    const label = sessionLabel(model, options.label);
    const opened = await this.opened(model, options);
    return new RemoteSession(this.client, label, opened.id, opened.inputNames, opened.outputNames);
  }

  /** What the first load of this child took; undefined if it was not one of a file with one thread. */
  firstLoad(): Promise<FirstLoad | undefined> {
    return this.client.call("firstLoad", [], "asking about the first load");
  }

  private opened(model: string | Uint8Array, options: SessionOptions): Promise<OpenedSession> {
    const label = sessionLabel(model, options.label);
    return loadingWithin(this.client, model, label, () =>
      this.client.call("open", [model, options], `loading ${label}`),
    );
  }

  /**
   * Times the models in turns in one process. Result i belongs to model i; entry r of every result comes from
   * the same round and the same feed. Feeds are used in rotation. Waits for timings of other runs in this process.
   */
  timeInterleaved(
    models: readonly (string | Uint8Array)[],
    feeds: readonly Feed[],
    options: TimingOptions,
  ): Promise<ModelTimes[]> {
    return inTurn(() => this.timeNow(models, feeds, options));
  }

  /** The same with sessions that are open already, which then are not loaded once more; see `TIMED`. */
  timeSessions(
    sessions: readonly RemoteSession[],
    feeds: readonly Feed[],
    options: TimingOptions,
  ): Promise<ModelTimes[]> {
    const ids = sessions.map(({ id }) => id);
    const names = sessions.map(({ label }) => label).join(" against ");
    return inTurn(() => this.client.call("timeInterleaved", [ids, feeds, options], `timing ${names}`));
  }

  private async timeNow(
    models: readonly (string | Uint8Array)[],
    feeds: readonly Feed[],
    options: TimingOptions,
  ): Promise<ModelTimes[]> {
    const { threads, labels = [] } = options;
    const config = { ...TIMED, ...options.config };
    const names = models.map((model, k) => sessionLabel(model, labels[k]));
    const opened: number[] = [];
    try {
      for (const [k, model] of models.entries())
        opened.push((await this.opened(model, { threads, config, label: names[k]! })).id);
      return await this.client.call(
        "timeInterleaved",
        [opened, feeds, options],
        `timing ${names.join(" against ")}`,
      );
    } finally {
      for (const id of opened)
        await this.client.call("release", [id], "releasing the timed models").catch(() => undefined);
    }
  }

  /**
   * Returns the bytes of the graph that this machine's CPU executes after all of onnxruntime's optimizations.
   * Large weights are left out (external data without a file). Throws EdgecError RUNTIME_MISSING on
   * onnxruntime-web, which cannot dump it.
   */
  async optimizedGraph(model: string | Uint8Array, label?: string): Promise<Uint8Array> {
    // Created here, since the child may crash and leave it behind.
    const folder = await TemporaryFolder.create("graph");
    try {
      const path = folder.file("optimized.onnx");
      const name = sessionLabel(model, label);
      return await loadingWithin(this.client, model, name, () =>
        this.client.call("optimizedGraph", [model, path, label], `optimizing ${name}`),
      );
    } finally {
      await folder.remove();
    }
  }

  /**
   * Runs work in the child, which is killed if it exceeds the limit. Then rejects with the result of `error`.
   * @param limit called with `isNear` once the limit seems exceeded, so that costly details are computed only
   *   then
   * @param spent called with the seconds used
   */
  async within<T>(
    limit: (isNear: boolean) => WorkLimit,
    error: LimitError,
    job: () => Promise<T>,
    spent: (seconds: number) => void = () => undefined,
  ): Promise<T> {
    return within(this.client, limit, error, job, spent);
  }

  /** Limits the memory of a run on random inputs: these may ask for any size. */
  onMadeUpInputs<T>(model: string | Uint8Array, label: string, job: () => Promise<T>): Promise<T> {
    const bytes = (isNear: boolean): number => loadLimit(model, isNear).bytes;
    return this.within(
      (isNear) => ({ seconds: Infinity, bytes: bytes(isNear) }),
      (exceeded, kind) => {
        const what = limitText(exceeded, kind);
        return new LimitExceeded(what, `${label}: a run takes more than ${what}. ${raiseLimit()}`);
      },
      job,
    );
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Like `close`, but does not wait for a run to end. */
  kill(): Promise<void> {
    return this.client.kill();
  }
}

/**
 * Config of sessions that may be timed: stops the worker threads of one from spinning while another is timed.
 */
export const TIMED = { "session.force_spinning_stop": "1" };

type Watched = Pick<ServiceClient<unknown>, "watch">;

async function within<T>(
  child: Watched,
  limit: (isNear: boolean) => WorkLimit,
  error: LimitError,
  job: () => Promise<T>,
  spent: (seconds: number) => void = () => undefined,
): Promise<T> {
  const watchdog = child.watch(limit, error);
  try {
    return await job();
  } finally {
    spent(watchdog.seconds());
    watchdog.stop();
  }
}

/**
 * Loads a model in a child process under the limit of the run. At load, onnxruntime computes everything that
 * depends only on constants, however much that is.
 */
export function loadingWithin<T>(
  child: Watched,
  model: string | Uint8Array,
  label: string,
  job: () => Promise<T>,
): Promise<T> {
  const tooMuch: LimitError = (exceeded, kind) => tooMuchToLoad(label, limitText(exceeded, kind));
  return within(child, (isNear) => loadLimit(model, isNear), tooMuch, job);
}

/**
 * Memory allowed per byte of the model: its weights are copied and repacked for kernels at several levels.
 */
const MEMORY_FACTOR = 16;

function tooMuchToLoad(label: string, what: string): LimitExceeded {
  return new LimitExceeded(what, `${label}: onnxruntime takes more than ${what} to load it. ${raiseLimit()}`);
}

function raiseLimit(): string {
  const example = option("loadLimit", { seconds: 60, bytes: 8e9 });
  return `To allow more, raise the limit with ${option("loadLimit")}, such as ${example}`;
}

/** @param isNear whether to include the model's size, which is costly to find out */
function loadLimit(model: string | Uint8Array, isNear: boolean): WorkLimit {
  const { load } = runLimits();
  return isNear ? inProportion(load, modelBytes(model), MEMORY_FACTOR) : load;
}

/** Size of the model with its data files. */
function modelBytes(model: string | Uint8Array): number {
  if (typeof model !== "string") return model.byteLength;
  try {
    return [model, ...dataFiles(readModel(model))].reduce((sum, path) => sum + statSync(path).size, 0);
  } catch {
    // onnxruntime reports a model that cannot be read.
    return 0;
  }
}

export class RemoteSession implements Session {
  constructor(
    private readonly client: Client,
    readonly label: string,
    readonly id: number,
    readonly inputNames: readonly string[],
    readonly outputNames: readonly string[],
  ) {}

  run(feed: Feed, outputs?: readonly string[]): Promise<Feed> {
    return this.client.call("run", [this.id, feed, outputs], `running ${this.label}`);
  }

  usedLevel(): Promise<UsedLevel> {
    return this.client.call("usedLevel", [this.id], `asking about ${this.label}`);
  }

  release(): Promise<void> {
    return this.client.call("release", [this.id], `releasing ${this.label}`);
  }
}
