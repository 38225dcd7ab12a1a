/** The entry of the process that does the work of a command: it tells what the process that started it must know. */
import { holdLifeline } from "../runtime/lifeline.js";
import { onNotice } from "../run-notices.js";
import { runCommandLine } from "./run.js";

// Small messages are in the pipe when this returns, so that what is told last arrives even from a process that is killed.
onNotice((notice) => void (process.connected && process.send?.(notice, undefined, {}, () => undefined)));
holdLifeline();
await runCommandLine(process.argv);
