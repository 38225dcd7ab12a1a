/**
 * The first warning of a run when the native runtime is missing: what replaces it, what that affects, and how
 * to install it.
 */
import type { Diagnostic } from "../diagnostics.js";
import type { NativeRuntime } from "../runtime/index.js";

const INSTALL =
  'Install it with "npm install onnxruntime-node", or for one command with "npx ' +
  '--package onnxruntime-node --package edgec edgec …". ' +
  "If that fails, set the environment variable ONNXRUNTIME_NODE_INSTALL=skip first: " +
  "it skips a download that edgec does not need.";

/**
 * @param decider what decides in place of measured times: "the table of costs of the target generic";
 *   undefined where nothing is decided
 */
export function runtimeNotice({ isThere, reason, instead }: NativeRuntime, decider?: string): Diagnostic[] {
  if (isThere) return [];
  const isRuledOut = instead !== undefined && process.env.EDGEC_RUNTIME === "web";
  const what = `The native runtime, onnxruntime-node, is ${isRuledOut ? "not used" : "missing"}`;
  const why = instead === undefined || isRuledOut ? "" : ` (${reason})`;
  const place = isRuledOut ? `, because ${reason}.` : ".";
  const effect =
    instead === undefined
      ? " No other runtime was found, so nothing is measured or checked"
      : ` ${instead} is used instead; its times do not apply to other runtimes`;
  const decision = decider === undefined ? "." : `; ${decider} decides which layers run faster in int8.`;
  const advice = isRuledOut ? "Unset the variable to use it." : INSTALL;
  return [
    {
      id: "runtime/native-missing",
      severity: "warning",
      message: `${what}${why}${place}${effect}${decision} ${advice}`,
    },
  ];
}
