/** Runs a command in this process: for many runs that end before any work is done. */
import { vi } from "vitest";
import { buildProgram } from "../../src/cli/program.js";

export interface Ended {
  readonly error: unknown;
  readonly stdout: string;
}

/** What was thrown, if anything, and what was printed. */
export async function run(args: readonly string[]): Promise<Ended> {
  let stdout = "";
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    await buildProgram().parseAsync(["node", "edgec", ...args]);
    return { error: undefined, stdout };
  } catch (error) {
    return { error, stdout };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}
