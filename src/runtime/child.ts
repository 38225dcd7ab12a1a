/**
 * The entry of a service's child process: imports the service module named on the command line and answers calls to
 * its exported functions. Calls run concurrently, as far as the functions yield.
 */
import { holdLifeline } from "./lifeline.js";
import { END, sendableError, type CallMessage, type ReplyMessage } from "./service-wire.js";

type Service = Readonly<Record<string, unknown>>;

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
  holdLifeline();
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
