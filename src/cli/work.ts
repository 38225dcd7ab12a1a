/** The entry of the process that does the work of a command: it tells what the process that started it must know. */
import { holdLifeline } from "../runtime/lifeline.js";
import { onNotice } from "../run-notices.js";
import { completionTeller } from "./completion.js";
import { reportFailure } from "./failure.js";

// As it is now, whatever a module of the user's puts in its place.
const channel = process.send?.bind(process);
// A small message is in the pipe when this returns, so that the last one arrives even from a process that is killed.
const send = (message: object): void => {
  if (process.connected) channel?.(message, undefined, {}, () => undefined);
};
onNotice(send);
holdLifeline();
const tellCompletion = await completionTeller(send);
// edgec is some hundred files, and the system may not let so many be opened.
const { runCommandLine } = await import("./run.js").catch((error: unknown) => {
  const exitCode = reportFailure(error, false);
  tellCompletion(exitCode);
  process.exit(exitCode);
});
await runCommandLine(process.argv, tellCompletion);
