/** The entry of the process that does the work of a command: it tells what the process that started it must know. */
import { holdLifeline } from "../runtime/lifeline.js";
import { notify, onNotice } from "../run-notices.js";
import { reportFailure } from "./failure.js";

// A small message is in the pipe when this returns, so that the last one arrives even from a process that is killed.
onNotice((notice) => {
  if (process.connected) process.send?.(notice, undefined, {}, () => undefined);
});
holdLifeline();
// edgec is some hundred files, and the system may not let so many be opened.
const { runCommandLine } = await import("./run.js").catch((error: unknown) => {
  notify({ kind: "complete" });
  process.exit(reportFailure(error, false));
});
await runCommandLine(process.argv);
