/**
 * The entry of a service's child process: imports the service module named on the command line and answers calls to
 * its exported functions. Calls run concurrently, as far as the functions yield.
 */
import { Worker } from "node:worker_threads";
import { END, sendableError, type CallMessage, type ReplyMessage } from "./service-wire.js";

type Service = Readonly<Record<string, unknown>>;

/**
 * Ends this process when its parent is gone, even while a call blocks the main thread inside onnxruntime.
 * The parent's number is taken by the main thread, since the parent may be gone before the worker has started.
 * A dead parent's number may be taken over, or linger until it is reaped, so the parent's number is compared as well.
 */
const WATCHDOG = `
  const parent = require("node:worker_threads").workerData;
  setInterval(() => {
    try {
      process.kill(parent, 0);
      if (process.ppid === parent) return;
    } catch (error) {
      if (error.code === "EPERM") return;
    }
    process.kill(process.pid, "SIGKILL");
  }, 1000);
`;

function reply(message: ReplyMessage): void {
  // A parent that is gone needs no answer; "disconnect" ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

async function answer(service: Service, { id, method, args }: CallMessage): Promise<void> {
  try {
    const called = Object.hasOwn(service, method) ? service[method] : undefined;
    if (typeof called !== "function") throw new Error(`the service has no function "${method}"`);
    reply({ kind: "result", id, value: await (called as (...args: readonly unknown[]) => unknown)(...args) });
  } catch (error) {
    reply({ kind: "error", id, error: sendableError(error) });
  }
}

async function main(): Promise<void> {
  // Ctrl-C reaches the whole process group; the parent decides what becomes of this process.
  process.on("SIGINT", () => undefined);
  process.on("disconnect", () => process.exit(0));
  process.on("message", (message) => {
    if (message === END) process.exit(0);
  });
  new Worker(WATCHDOG, { eval: true, workerData: process.ppid, stdout: false, stderr: false }).unref();
  try {
    const service = (await import(process.argv[2] ?? "")) as Service;
    process.on("message", (message) => {
      if (message !== END) void answer(service, message as CallMessage);
    });
    reply({ kind: "ready" });
  } catch (error) {
    reply({ kind: "error", id: undefined, error: sendableError(error) });
  }
}

await main();
