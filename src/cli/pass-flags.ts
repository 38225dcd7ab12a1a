/** Adds and reads the command-line flags of passes, as the registry declares them. */
import type { Command } from "commander";
import { flagKey } from "../plan/registered-pass.js";
import { PASSES } from "../plan/registry.js";

export function addPassFlags(command: Command): Command {
  for (const { flag } of PASSES) if (flag) command.option(flag.syntax, flag.help);
  return command;
}

/** Picks the flags of passes out of the options that commander parsed, as text. */
export function passFlags(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const { flag } of PASSES) {
    const value = flag && options[flagKey(flag)];
    if (flag && value === true) flags[flagKey(flag)] = "";
    if (flag && typeof value === "string") flags[flagKey(flag)] = value;
  }
  return flags;
}
