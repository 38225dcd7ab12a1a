/** One clear message for whatever was thrown, and the exit code it stands for. */
import { EdgecError, EXIT } from "../errors.js";
import { printable, printableLines } from "../report/units.js";

/** Prints the failure to stderr and returns the exit code. A stack is shown with `debug` and for a bug in edgec. */
export function reportFailure(error: unknown, debug: boolean): number {
  const known = error instanceof EdgecError ? error : asKnown(error);
  const exitCode = known?.exitCode ?? EXIT.bug;
  const message = known?.message ?? (error instanceof Error ? error.message : String(error));
  process.stderr.write(`error: ${printable(message)}\n`);
  if (debug || exitCode === EXIT.bug) process.stderr.write(`${printableLines(stackOf(error))}\n`);
  if (exitCode === EXIT.bug) process.stderr.write("This is a bug in edgec. Please report it with the command line, the text above and, if you can, the model.\n");
  return exitCode;
}

/** Failures of the file system that a user can mend, wherever they came up. */
function asKnown(error: unknown): EdgecError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, message, path } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT": case "EACCES": case "EPERM": case "EISDIR": case "ENOTDIR": case "EMFILE":
      return new EdgecError("CANNOT_READ", `cannot use ${path ?? "a file"}: ${message}`, { cause: error });
    case "ENOSPC": case "EDQUOT": case "EROFS": case "EFBIG":
      return new EdgecError("CANNOT_WRITE", `cannot write ${path ?? "a file"}: ${message}. Free some space or choose another folder with -o.`, { cause: error });
    default: return undefined;
  }
}

function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by: ");
}
