/** The runtime in a child process, behind the same contract as the one in this process. */
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
import type * as SessionService from "./session-service.js";

type Client = ServiceClient<typeof SessionService>;

/**
 * Starts a child process with onnxruntime in it. Close it when done; a forgotten one ends with this process.
 * Throws EdgecError RUNTIME_MISSING.
 * @param kind the only package to load; default as `loadRuntime`
 */
export async function openRemote(kind?: RuntimeKind): Promise<RemoteRuntime> {
  const client = await startService<typeof SessionService>(new URL("./session-service.js", import.meta.url), {
    label: "onnxruntime", ...(kind === undefined ? {} : { env: { EDGEC_RUNTIME: kind } }),
  });
  try {
    return await RemoteRuntime.over(client);
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** All methods reject with EdgecError RUNTIME_CRASHED when the child ends, and say what it was doing. */
export class RemoteRuntime {
  readonly name: OnnxRuntime["name"];
  readonly version: string;
  readonly nativeMissing?: string;

  private constructor(private readonly client: Client, { name, version, nativeMissing }: Pick<OnnxRuntime, "name" | "version" | "nativeMissing">) {
    this.name = name;
    this.version = version;
    if (nativeMissing !== undefined) this.nativeMissing = nativeMissing;
  }

  /** The runtime in a service that is running: that of this room, or one with its functions. Throws EdgecError RUNTIME_MISSING. */
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
    const opened = await this.loading(model, label, () => this.client.call("open", [model, options], `loading ${label}`));
    return new RemoteSession(this.client, label, opened.id, opened.inputNames, opened.outputNames);
  }

  /**
   * Times the models in turns in one process. Result i belongs to model i; entry r of every result was measured in
   * the same round on the same feed. Feeds are cycled through.
   */
  timeInterleaved(models: readonly (string | Uint8Array)[], feeds: readonly Feed[], options: TimingOptions): Promise<ModelTimes[]> {
    const labels = models.map((model, k) => sessionLabel(model, options.labels?.[k]));
    return this.client.call("timeInterleaved", [models, feeds, options], `timing ${labels.join(" against ")}`);
  }

  /**
   * The bytes of the graph that this machine's CPU executes after all of onnxruntime's optimizations. Large weights are
   * left out (external data without a file). Throws EdgecError RUNTIME_MISSING on onnxruntime-web, which cannot dump it.
   */
  async optimizedGraph(model: string | Uint8Array, label?: string): Promise<Uint8Array> {
    // Made here rather than in the child, which may crash and leave it.
    const folder = await TemporaryFolder.create("graph");
    try {
      const path = folder.file("optimized.onnx");
      const name = sessionLabel(model, label);
      return await this.loading(model, name, () => this.client.call("optimizedGraph", [model, path, label], `optimizing ${name}`));
    } finally {
      await folder.remove();
    }
  }

  /**
   * Carries out work in the child, which is killed once it takes more than it may. Rejects with what `error` makes of it.
   * @param limit `isNear` once it seems exceeded: what is costly to learn need be learnt only then
   * @param spent is told how many seconds were taken
   */
  async within<T>(
    limit: (isNear: boolean) => WorkLimit, error: LimitError, job: () => Promise<T>,
    spent: (seconds: number) => void = () => undefined,
  ): Promise<T> {
    const watchdog = this.client.watch(limit, error);
    try {
      return await job();
    } finally {
      spent(watchdog.seconds());
      watchdog.stop();
    }
  }

  /** A run on inputs that mean nothing has a limit on memory: such inputs may ask for any size. */
  onMadeUpInputs<T>(model: string | Uint8Array, label: string, job: () => Promise<T>): Promise<T> {
    const bytes = (isNear: boolean): number => loadLimit(model, isNear).bytes;
    return this.within((isNear) => ({ seconds: Infinity, bytes: bytes(isNear) }), (exceeded, kind) => {
      const what = limitText(exceeded, kind);
      return new LimitExceeded(what, `${label}: a run takes more than ${what}. ${RAISE}`);
    }, job);
  }

  /** onnxruntime computes at load what depends on constants alone, however much that is. */
  private loading<T>(model: string | Uint8Array, label: string, job: () => Promise<T>): Promise<T> {
    return this.within((isNear) => loadLimit(model, isNear), (exceeded, kind) => tooMuchToLoad(label, limitText(exceeded, kind)), job);
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** As `close`, without waiting for a run that does not end. */
  kill(): Promise<void> {
    return this.client.kill();
  }
}

/** Memory that a model may take for each of its bytes: its weights, copied and repacked for kernels, at several levels. */
const MEMORY_FACTOR = 16;

function tooMuchToLoad(label: string, what: string): LimitExceeded {
  return new LimitExceeded(what, `${label}: onnxruntime takes more than ${what} to load it. ${RAISE}`);
}

const RAISE = "If it may take more, raise the limit with --load-limit, such as --load-limit 60s,8GB";

/** @param isNear whether the model's size is worth looking at */
function loadLimit(model: string | Uint8Array, isNear: boolean): WorkLimit {
  const { load } = runLimits();
  return isNear ? inProportion(load, modelBytes(model), MEMORY_FACTOR) : load;
}

/** With the files that hold its weights. */
function modelBytes(model: string | Uint8Array): number {
  if (typeof model !== "string") return model.byteLength;
  try {
    return [model, ...dataFiles(readModel(model))].reduce((sum, path) => sum + statSync(path).size, 0);
  } catch {
    // What cannot be read is onnxruntime's to refuse.
    return 0;
  }
}

export class RemoteSession implements Session {
  constructor(
    private readonly client: Client,
    private readonly label: string,
    private readonly id: number,
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
