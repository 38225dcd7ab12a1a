/**
 * Trouble around edgec: what the operating system or Node refuses, wherever it comes up. None of it is a bug in edgec,
 * and none says anything of a model or a pass.
 */
import { EdgecError } from "./errors.js";

/** What only a wrong call gives: these stay bugs. */
const WRONG_CALL: readonly string[] = ["EINVAL", "EBADF", "EFAULT", "ENOTSOCK", "ENOSYS", "EDOM", "ERANGE"];

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "Free some space, choose another folder with -o, or set TMPDIR to a folder with room.",
  EDQUOT: "Free some space, choose another folder with -o, or set TMPDIR to a folder with room.",
  EFBIG: "Files may not grow so large here: raise the limit (ulimit -f), or choose another disk with -o or TMPDIR.",
  EROFS: "Choose another folder with -o, or set TMPDIR to one that can be written to.",
  EMFILE: "Raise the limit on open files (ulimit -n), or end other programs.",
  ENFILE: "Raise the system's limit on open files, or end other programs.",
  EAGAIN: "Raise the limit on processes (ulimit -u), or end other programs.",
  ENOMEM: "Free some memory, or use smaller inputs and fewer threads.",
  ELOOP: "Its links lead in a circle: give the path of the file itself.",
  ENAMETOOLONG: "Use a shorter name.",
  ETXTBSY: "Another program uses the file: end it, or choose another name.",
  EBUSY: "Another program uses the file: end it, or choose another name.",
};

const WRITING: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EFBIG"];

/**
 * A failure of the system as an EdgecError with advice; undefined for anything else. What wraps one counts as well.
 * @param place the file or folder to speak of; default: the one that the failure names
 */
export function troubleOf(error: unknown, place?: string): EdgecError | undefined {
  for (let at = error; at instanceof Error && !(at instanceof EdgecError); at = at.cause) {
    const trouble = ofSystem(at) ?? ofNode(at, place);
    if (trouble) return trouble;
  }
  return undefined;
}

function ofSystem(cause: NodeJS.ErrnoException): EdgecError | undefined {
  const { code, syscall, path, message } = cause;
  if (code === undefined || syscall === undefined || WRONG_CALL.includes(code) || !/^E[A-Z0-9]+$/.test(code))
    return undefined;
  const advice = ADVICE[code];
  const what = path === undefined || message.includes(path) ? message : `cannot use ${path}: ${message}`;
  return new EdgecError(
    WRITING.includes(code) ? "CANNOT_WRITE" : "CANNOT_READ",
    advice === undefined ? what : `${what}. ${advice}`,
    { cause },
  );
}

/** The flags of Node's permission model, by the name that its errors give. */
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
      "Node's permission model forbids native code, which onnxruntime is. Add --allow-addons.",
      { cause },
    );
  const isMemory =
    code === "ERR_WORKER_OUT_OF_MEMORY" ||
    code === "ERR_MEMORY_ALLOCATION_FAILED" ||
    (cause instanceof RangeError && cause.message.startsWith("Array buffer allocation failed"));
  if (isMemory)
    return new EdgecError("CANNOT_READ", `there is not enough memory: ${cause.message}. ${ADVICE.ENOMEM}`, { cause });
  if (code === "ERR_IPC_CHANNEL_CLOSED")
    return new EdgecError(
      "RUNTIME_CRASHED",
      "a child process was gone when edgec wanted to talk to it. Run edgec again.",
      { cause },
    );
  return undefined;
}

function deniedText({ permission = "", resource = "", message }: NodeError, place = resource): string {
  const flag = PERMISSIONS[permission];
  if (flag === undefined) return `Node's permission model forbids what edgec needs: ${message}`;
  const isFile = flag.startsWith("--allow-fs");
  if (!isFile) return `Node's permission model forbids ${permission}. Add ${flag}.`;
  return `Node's permission model forbids ${permission} of ${place}. Add ${flag}=${place}.`;
}
