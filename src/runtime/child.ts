/**
 * The entry point of a service's child process: imports the service module named on the command line and
 * answers calls to its exported functions. Calls run concurrently, as far as the functions yield.
 */
import { marked, spelledBy } from "../option-names.js";
import { holdLifeline } from "./lifeline.js";
import { END, sendableError, type CallMessage, type ReplyMessage } from "./service-wire.js";

type Service = Readonly<Record<string, unknown>>;

function reply(message: ReplyMessage): void {
  // No answer if the parent is gone; "disconnect" then ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

async function answer(service: Service, { id, method, args }: CallMessage): Promise<void> {
  try {
    const called = Object.hasOwn(service, method) ? service[method] : undefined;
    if (typeof called !== "function") throw new Error(`the service has no function "${method}"`);
    const job = called as (...args: readonly unknown[]) => unknown;
    reply({ kind: "result", id, value: await spelledBy(marked, () => job(...args)) });
  } catch (error) {
    reply({ kind: "error", id, error: sendableError(error) });
  }
}

async function main(): Promise<void> {
  // Ctrl-C reaches the whole process group; the parent decides when this process ends.
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
