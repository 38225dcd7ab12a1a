/**
 * The entry point of the CLI. Commands that work on models run in a child process, which can be killed at
 * once. Help and lists do not need one.
 */
import { reportFailure } from "./failure.js";
import { exitOnSignals } from "./interrupt.js";

const WORK_COMMANDS: readonly string[] = [
  "compress",
  "optimize",
  "verify",
  "inspect",
  "bench",
  "sensitivity",
  "demo",
];
const INFO_FLAGS: readonly string[] = ["-h", "--help", "-V", "--version"];

const given = process.argv.slice(2);
const isWork =
  WORK_COMMANDS.includes(given.find((word) => !word.startsWith("-")) ?? "") &&
  !given.some((word) => INFO_FLAGS.includes(word));
// Under a debugger, work stays in this process, which the debugger is attached to.
const isInspected = process.execArgv.some((flag) => flag.startsWith("--inspect"));

try {
  if (isWork && !isInspected && mayStartProcesses()) {
    (await import("./supervisor.js")).supervise(given);
  } else {
    exitOnSignals();
    await (await import("./run.js")).runCommandLine(process.argv);
  }
} catch (error) {
  // The modules of edgec itself could not be loaded.
  process.exit(reportFailure(error, false));
}

/** Node's permission model can forbid child processes. Some commands work without. */
function mayStartProcesses(): boolean {
  return (process.permission as typeof process.permission | undefined)?.has("child") !== false;
}
