/** The flags of passes on the command line, as the registry has them. */
import type { Command } from "commander";
import { flagKey } from "../plan/registered-pass.js";
import { PASSES } from "../plan/registry.js";

/** Adds the flag of every pass that has one. */
export function addPassFlags(command: Command): Command {
  for (const { flag } of PASSES) if (flag) command.option(flag.syntax, flag.help);
  return command;
}

/** Flags that commander parsed and that belong to passes, as text. */
export function passFlags(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const { flag } of PASSES) {
    const value = flag && options[flagKey(flag)];
    if (flag && value === true) flags[flagKey(flag)] = "";
    if (flag && typeof value === "string") flags[flagKey(flag)] = value;
  }
  return flags;
}
