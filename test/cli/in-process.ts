/** Runs a command in this process, for the many tests whose run ends before any work. */
import { vi } from "vitest";
import { setOutcome } from "../../src/cli/outcome.js";
import { outcomeOfCommandLine, parseCommandLine } from "../../src/cli/run.js";
import type { Outcome } from "../support/run-edgec.js";

export interface Ended {
  readonly error: unknown;
  readonly stdout: string;
}

/** The error that was thrown, if any, and the printed output. */
export async function run(args: readonly string[]): Promise<Ended> {
  let stdout = "";
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    await parseCommandLine(["node", "edgec", ...args]);
    return { error: undefined, stdout };
  } catch (error) {
    return { error, stdout };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

/**
 * Runs the whole command line but for the end of the process: what is printed, and the exit code. Whether
 * processes start and end as they should is not seen here.
 */
export async function edgecHere(
  args: readonly string[],
  { cwd = process.cwd() }: { readonly cwd?: string } = {},
): Promise<Outcome> {
  const printed = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  const folder = process.cwd();
  process.chdir(cwd);
  setOutcome(0);
  try {
    return { code: await outcomeOfCommandLine(["node", "edgec", ...args], false), ...printed };
  } finally {
    process.chdir(folder);
    for (const spy of spies) spy.mockRestore();
  }
}
