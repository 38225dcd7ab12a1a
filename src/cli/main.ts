/** The command line. Work is done in a process of its own, which can be ended at once; help and lists need none. */
import { reportFailure } from "./failure.js";
import { exitOnSignals } from "./interrupt.js";

const WORKING: readonly string[] = ["compress", "optimize", "verify", "inspect", "bench", "sensitivity", "demo"];
const TELLING: readonly string[] = ["-h", "--help", "-V", "--version"];

const given = process.argv.slice(2);
const isWork =
  WORKING.includes(given.find((word) => !word.startsWith("-")) ?? "") && !given.some((word) => TELLING.includes(word));
// A debugger is to find the work in the process that it was started with.
const isInspected = process.execArgv.some((flag) => flag.startsWith("--inspect"));

try {
  if (isWork && !isInspected && mayStartProcesses()) {
    (await import("./supervisor.js")).supervise(given);
  } else {
    exitOnSignals();
    await (await import("./run.js")).runCommandLine(process.argv);
  }
} catch (error) {
  // Its own files could not be read.
  process.exit(reportFailure(error, false));
}

/** Node's permission model can forbid it; some commands get by without. */
function mayStartProcesses(): boolean {
  return (process.permission as typeof process.permission | undefined)?.has("child") !== false;
}
