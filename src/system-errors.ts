/**
 * Failures of the operating system or Node, wherever they occur. They are not bugs in edgec, and they say
 * nothing about a model or a pass.
 */
import { EdgecError } from "./errors.js";
import { option } from "./option-names.js";

/** Codes that only a wrong call causes. These count as bugs. */
const WRONG_CALL: readonly string[] = ["EINVAL", "EBADF", "EFAULT", "ENOTSOCK", "ENOSYS", "EDOM", "ERANGE"];

/** What to do, by the code. Made for each failure, since messages name options as the run's caller does. */
const advice = (): Readonly<Record<string, string>> => ({
  ENOSPC: moreSpace(),
  EDQUOT: moreSpace(),
  EFBIG:
    "The file exceeds the size limit: raise it (ulimit -f), " +
    `or choose another disk with ${option("output")} or TMPDIR.`,
  EROFS: `Choose another folder with ${option("output")}, or set TMPDIR to a writable folder.`,
  EMFILE: "Raise the limit on open files (ulimit -n), or close other programs.",
  ENFILE: "Raise the system's limit on open files, or close other programs.",
  EAGAIN: "Raise the limit on processes (ulimit -u), or close other programs.",
  ENOMEM: "Free some memory, or use smaller inputs and fewer threads.",
  ELOOP: "Its links form a loop: give the path of the file itself.",
  ENAMETOOLONG: "Use a shorter name.",
  ETXTBSY: "Another program is using the file: close that program, or choose another name.",
  EBUSY: "Another program is using the file: close that program, or choose another name.",
});

function moreSpace(): string {
  return (
    `Free some disk space, choose another folder with ${option("output")}, or set TMPDIR ` +
    "to a folder with enough space."
  );
}

const WRITING: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EFBIG"];

/**
 * Turns a failure of the system into an EdgecError with advice. Looks at the causes of the error as well.
 * Returns undefined for any other error.
 * @param place the file or folder to name in the message; default: the one in the error
 */
export function systemErrorOf(error: unknown, place?: string): EdgecError | undefined {
  for (let at = error; at instanceof Error && !(at instanceof EdgecError); at = at.cause) {
    const systemError = ofSystem(at) ?? ofNode(at, place);
    if (systemError) return systemError;
  }
  return undefined;
}

function ofSystem(cause: NodeJS.ErrnoException): EdgecError | undefined {
  const { code, syscall, path, message } = cause;
  if (code === undefined || syscall === undefined || WRONG_CALL.includes(code) || !/^E[A-Z0-9]+$/.test(code))
    return undefined;
  const help = advice()[code];
  const what = path === undefined || message.includes(path) ? message : `cannot use ${path}: ${message}`;
  return new EdgecError(
    WRITING.includes(code) ? "CANNOT_WRITE" : "CANNOT_READ",
    help === undefined ? what : `${what}. ${help}`,
    { cause },
  );
}

/** Flags of Node's permission model, by the permission name in its errors. */
const PERMISSIONS: Readonly<Record<string, string>> = {
  FileSystemRead: "--allow-fs-read",
  FileSystemWrite: "--allow-fs-write",
  ChildProcess: "--allow-child-process",
  WorkerThreads: "--allow-worker",
};

type NodeError = Error & { readonly code?: string; readonly permission?: string; readonly resource?: string };

function ofNode(cause: NodeError, place?: string): EdgecError | undefined {
  const { code } = cause;
  if (code === "ERR_ACCESS_DENIED") return new EdgecError("CANNOT_READ", deniedText(cause, place), { cause });
  if (code === "ERR_DLOPEN_DISABLED")
    return new EdgecError(
      "RUNTIME_MISSING",
      "Node's permission model forbids native code, which onnxruntime needs. Add --allow-addons.",
      { cause },
    );
  const isMemory =
    code === "ERR_WORKER_OUT_OF_MEMORY" ||
    code === "ERR_MEMORY_ALLOCATION_FAILED" ||
    (cause instanceof RangeError && cause.message.startsWith("Array buffer allocation failed"));
  if (isMemory)
    return new EdgecError("CANNOT_READ", `not enough memory: ${cause.message}. ${advice().ENOMEM}`, {
      cause,
    });
  if (code === "ERR_IPC_CHANNEL_CLOSED")
    return new EdgecError("RUNTIME_CRASHED", "a child process ended unexpectedly. Run edgec again.", {
      cause,
    });
  return undefined;
}

function deniedText({ permission = "", resource = "", message }: NodeError, place = resource): string {
  const flag = PERMISSIONS[permission];
  if (flag === undefined) return `Node's permission model forbids what edgec needs: ${message}`;
  const isFile = flag.startsWith("--allow-fs");
  if (!isFile) return `Node's permission model forbids ${permission}. Add ${flag}.`;
  return `Node's permission model forbids ${permission} of ${place}. Add ${flag}=${place}.`;
}
