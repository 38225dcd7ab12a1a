/** What is told, before anything else, where the native runtime is missing: by what, for what, and how to get it. */
import type { Diagnostic } from "../diagnostics.js";
import type { NativeRuntime } from "../runtime/index.js";

const INSTALL = 'Install it with "npm install onnxruntime-node", or for one command with "npx --package onnxruntime-node --package edgec edgec …". '
  + "Where that fails, set the environment variable ONNXRUNTIME_NODE_INSTALL=skip first: it leaves out a download that edgec does not need.";

/** @param decider what decides in place of times: "the table of costs of the target generic"; undefined where nothing is decided */
export function runtimeNotice({ isThere, reason, instead }: NativeRuntime, decider?: string): Diagnostic[] {
  if (isThere) return [];
  const isRuledOut = instead !== undefined && process.env.EDGEC_RUNTIME === "web";
  const what = `The native runtime, onnxruntime-node, is ${isRuledOut ? "not used" : "missing"}`;
  const why = instead === undefined || isRuledOut ? "" : ` (${reason})`;
  const place = isRuledOut ? `, because ${reason}.` : ".";
  const effect = instead === undefined ? " No other one was found, so nothing is measured or checked"
    : ` ${instead} takes its place, whose times say nothing of other runtimes`;
  const decision = decider === undefined ? "." : `; what pays in int8 is decided by ${decider}.`;
  const advice = isRuledOut ? "Unset the variable to use it." : INSTALL;
  return [{ id: "runtime/native-missing", severity: "warning", message: `${what}${why}${place}${effect}${decision} ${advice}` }];
}
