/** The entry point of the worker process. It reports to its parent what the parent must know. */
import { holdLifeline } from "../runtime/lifeline.js";
import { ownMemory } from "../release-memory.js";
import { onNotice } from "../run-notices.js";
import { completionReporter } from "./completion.js";
import { reportFailure } from "./failure.js";

// Bound now, before a user module can replace it.
const channel = process.send?.bind(process);
// A small message is in the pipe when this returns, so the last one arrives even if the process is then
// killed.
const send = (message: object): void => {
  if (process.connected) channel?.(message, undefined, {}, () => undefined);
};
onNotice(send);
holdLifeline();
ownMemory();
const reportCompletion = await completionReporter(send);
// edgec has some hundred files, and the system may limit how many can be open.
const { runCommandLine } = await import("./run.js").catch((error: unknown) => {
  const exitCode = reportFailure(error, false);
  reportCompletion(exitCode);
  process.exit(exitCode);
});
await runCommandLine(process.argv, reportCompletion);
