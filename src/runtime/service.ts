/**
 * Running a module's functions in a child process, so that a crash, an abort or the operating system's out-of-memory
 * killer takes the child and not edgec, and memory that onnxruntime does not give back ends with the child.
 */
import { fork, type ChildProcess } from "node:child_process";
import { totalmem } from "node:os";
import { onAbort, throwIfAborted } from "../abort.js";
import { atExit } from "../at-exit.js";
import { builtModule } from "../built-module.js";
import { EdgecError } from "../errors.js";
import { RUN_VARIABLE, runToken } from "../onnx/temporary-name.js";
import type { WorkLimit } from "../run-limits.js";
import { notify } from "../run-notices.js";
import { crashError, EndedFromOutside } from "./crash.js";
import { letGoOfLifeline, withLifeline } from "./lifeline.js";
import { watchProcess, type Watchdog } from "./watchdog.js";
import { END, receivedError, type CallMessage, type ReplyMessage } from "./service-wire.js";

export interface ServiceOptions {
  /** What runs there, for messages: "onnxruntime". */
  readonly label: string;
  /** Environment variables of the child, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The names of `T`'s functions. */
type MethodOf<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T] & string;
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** What becomes of calls under way when a limit is exceeded. */
export type LimitError = (limit: WorkLimit, kind: keyof WorkLimit) => Error;

export interface ServiceClient<T> {
  /** The child's process id, or undefined when it has ended. */
  readonly pid: number | undefined;
  /**
   * Calls an exported function of the module; several calls may be under way. Rejects with what the function threw
   * (an EdgecError keeps its code), or with EdgecError RUNTIME_CRASHED when the child ends.
   * @param doing what the call does, for the message about a crash: "running small.onnx"
   */
  call<K extends MethodOf<T>>(method: K, args: ArgumentsOf<T[K]>, doing?: string): Promise<ResultOf<T[K]>>;
  /**
   * Kills the child once it takes more than it may; calls under way are rejected with what `error` makes of it. To be
   * stopped.
   */
  watch(limit: (isNear: boolean) => WorkLimit, error: LimitError): Watchdog;
  /** Ends the child; calls under way are rejected. */
  close(): Promise<void>;
  /** As `close`, without waiting for what the child is busy with. */
  kill(): Promise<void>;
}

/**
 * Starts a child process that serves the module's exported functions. It is killed when the run is aborted that starts it.
 * @param moduleUrl `new URL("./my-service.js", import.meta.url)`
 */
export async function startService<T>(moduleUrl: URL, options: ServiceOptions): Promise<ServiceClient<T>> {
  throwIfAborted();
  const client = new Client<T>(forkChild(moduleUrl, options), options.label);
  try {
    await client.ready;
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

const MIB = 2 ** 20;
/** Tensors lie outside V8's heap, so what the heap needs is modest; half of a small machine's memory at most. */
const HEAP_MIB = Math.max(512, Math.min(4096, Math.floor(totalmem() / 2 / MIB)));

/** Throws EdgecError RUNTIME_CRASHED when the system gives no process. */
function forkChild(moduleUrl: URL, { env, label }: ServiceOptions): ChildProcess {
  let child: ChildProcess;
  try {
    child = fork(builtModule(new URL("./child.js", import.meta.url)), [builtModule(moduleUrl).href], {
      serialization: "advanced",
      env: { ...process.env, ...withoutTelemetry(), [RUN_VARIABLE]: runToken(), ...env },
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      stdio: withLifeline(["ignore", "pipe", "pipe"]),
    });
  } catch (cause) {
    throw notStarted(label, cause);
  }
  letGoOfLifeline(child);
  return child;
}

/** onnxruntime writes a device id and names of models below the home folder. A user's own word on it stands. */
function withoutTelemetry(): Readonly<Record<string, string>> {
  return { ORT_DISABLE_TELEMETRY: process.env.ORT_DISABLE_TELEMETRY ?? "1" };
}

const LIMITS: readonly string[] = ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"];

function notStarted(label: string, cause: unknown): EdgecError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  if (code === "ERR_ACCESS_DENIED") {
    const reason = "which Node's permission model forbids here: add --allow-child-process";
    return new EndedFromOutside(`${label} runs in a process of its own, ${reason}`, { cause });
  }
  const raise = ". Raise the limit on open files or processes (ulimit -n, ulimit -u), or end other programs";
  const advice = LIMITS.includes(code) ? raise : "";
  return new EndedFromOutside(`${label} could not be started: ${message}${advice}`, { cause });
}

interface Pending {
  readonly doing: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const STARTING = 0;
const TAIL_LENGTH = 8192;
/** What sending to a process that has just ended gives. */
const BROKEN_PIPE: readonly string[] = ["EPIPE", "ECONNRESET"];
const CLOSE_TIMEOUT_MS = 2000;

class Client<T> implements ServiceClient<T> {
  readonly ready: Promise<unknown>;
  private readonly pending = new Map<number, Pending>();
  private readonly ended: Promise<void>;
  private readonly killWithParent = (): void => {
    this.child.kill("SIGKILL");
  };
  private readonly stopListening = onAbort((reason) => {
    this.fail(reason);
    this.killWithParent();
  });
  private readonly letGo = atExit(this.killWithParent);
  private nextId = STARTING + 1;
  private tail = "";
  private failure: Error | undefined;

  constructor(private readonly child: ChildProcess, private readonly label: string) {
    this.ready = this.expect(STARTING, "starting");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.tail = (this.tail + chunk.toString("utf8")).slice(-TAIL_LENGTH)));
    }
    child.on("message", (message) => this.receive(message as ReplyMessage));
    child.on("error", (cause) => {
      if (child.pid === undefined) this.forget();
      this.fail(notStarted(label, cause));
    });
    const { pid } = child;
    if (pid !== undefined) notify({ kind: "started", pid });
    // "close" comes after "exit", when the last of stderr has been read.
    if (pid === undefined) this.ended = Promise.resolve();
    else this.ended = new Promise((resolve) => child.on("close", (exitCode, signal) => {
      this.forget();
      notify({ kind: "ended", pid });
      this.fail(crashError(label, this.activity(), { exitCode, signal, tail: this.tail }));
      resolve();
    }));
  }

  get pid(): number | undefined {
    return this.failure ? undefined : this.child.pid;
  }

  call<K extends MethodOf<T>>(method: K, args: ArgumentsOf<T[K]>, doing = `in "${method}"`): Promise<ResultOf<T[K]>> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    const result = this.expect(id, doing);
    const message: CallMessage = { id, method, args: args };
    // When the child has died, the reason comes with "close"; the pipe may break before the channel counts as closed.
    this.child.send(message, (error) => {
      const code = error && "code" in error ? String(error.code) : "";
      const hasDied = !this.child.connected || BROKEN_PIPE.includes(code);
      if (error && !hasDied) this.settle(id)?.reject(error);
    });
    return result as Promise<ResultOf<T[K]>>;
  }

  watch(limit: (isNear: boolean) => WorkLimit, error: LimitError): Watchdog {
    const { pid } = this;
    if (pid === undefined) return { seconds: () => 0, stop: () => undefined };
    return watchProcess(pid, limit, (exceeded, kind) => {
      this.fail(error(exceeded, kind));
      this.killWithParent();
    });
  }

  async close(): Promise<void> {
    this.fail(new EdgecError("RUNTIME_CRASHED", `${this.label} was closed while ${this.activity()}`));
    this.setReferenced(true);
    // Disconnecting from this side would keep Node from ever emitting "close", so the child is asked to end.
    if (this.child.connected) this.child.send(END, () => undefined);
    const timer = setTimeout(this.killWithParent, CLOSE_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): Promise<void> {
    this.killWithParent();
    return this.close();
  }

  private receive(message: ReplyMessage): void {
    this.tail = "";
    if (message.kind === "ready") this.settle(STARTING)?.resolve(undefined);
    else if (message.kind === "result") this.settle(message.id)?.resolve(message.value);
    else this.settle(message.id ?? STARTING)?.reject(receivedError(message.error));
  }

  private expect(id: number, doing: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.pending.set(id, { doing, resolve, reject });
      this.setReferenced(true);
    });
  }

  private settle(id: number): Pending | undefined {
    const settled = this.pending.get(id);
    this.pending.delete(id);
    if (this.pending.size === 0) this.setReferenced(false);
    return settled;
  }

  /** The first failure stays: what comes after it is its consequence. */
  private fail(error: Error): void {
    this.failure ??= error;
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(this.failure);
  }

  /** The child is gone, or never was. */
  private forget(): void {
    this.letGo();
    this.stopListening();
  }

  private activity(): string {
    return [...this.pending.values()][0]?.doing ?? "idle";
  }

  /** A child without calls under way must not keep the parent from ending. */
  private setReferenced(referenced: boolean): void {
    const action = referenced ? "ref" : "unref";
    this.child[action]();
    this.child.channel?.[action]();
    for (const stream of [this.child.stdout, this.child.stderr]) (stream as unknown as { ref(): void; unref(): void } | null)?.[action]();
  }
}
