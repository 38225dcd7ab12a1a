/**
 * What edgec reads as a file: a regular one, on this machine. Anything else that has a path (a pipe, a device, a
 * socket, a file of /proc) may block for ever, never end, or give its content only once.
 */
import { realpathSync, statfsSync, statSync, type Stats } from "node:fs";
import { EdgecError } from "./errors.js";

/** Types of Linux file systems whose files the kernel makes up as they are read: proc and sysfs. */
const MADE_UP: readonly number[] = [0x9fa0, 0x62656572];

const STANDARD_INPUT: readonly string[] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/** "https://host/model.onnx", "s3://bucket/key". A drive letter is no scheme. */
export function isUrl(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(path);
}

/**
 * Why nothing can be read as a file at `path`, in words that go after its name; undefined for a regular file, for a
 * folder, and where there is nothing: whoever reads says that best.
 */
export function whyUnreadable(path: string): string | undefined {
  const found = lookAt(path);
  if (!found) return isUrl(path) ? urlAdvice(path) : path === "-" ? inputAdvice : undefined;
  if (found.isDirectory()) return undefined;
  if (!found.isFile())
    return STANDARD_INPUT.includes(path)
      ? inputAdvice
      : `it is ${kindOf(found)}, not a file; save what comes from it to a file first`;
  return isMadeUp(path) ? "the system makes up its content as it is read; copy it to a file first" : undefined;
}

/** Throws EdgecError CANNOT_READ when `path` leads to something that is neither a regular file nor a folder. */
export function requireRegularFile(path: string): void {
  const reason = whyUnreadable(path);
  if (reason !== undefined) throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${reason}`);
}

/** "it is a pipe" and the like, for a path where a file is to be written; undefined for a regular file or nothing. */
export function whyNoPlaceForFile(path: string): string | undefined {
  const found = lookAt(path);
  if (!found) return isUrl(path) ? "that is an address, and edgec writes local files" : undefined;
  if (found.isFile()) return isMadeUp(path) ? "it is a file that the system makes up" : undefined;
  return `it is ${found.isDirectory() ? "a folder" : kindOf(found)}`;
}

const inputAdvice = "edgec reads files more than once, which standard input does not allow; save it to a file first";

function urlAdvice(path: string): string {
  return /^file:/i.test(path)
    ? "edgec takes paths; leave out file://"
    : "that is an address, and edgec reads local files; download it first";
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return "a pipe";
  if (found.isSocket()) return "a socket";
  return found.isCharacterDevice() || found.isBlockDevice() ? "a device" : "nothing that holds bytes";
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // What cannot be looked at cannot be opened either, and opening it says why.
  }
}

function isMadeUp(path: string): boolean {
  try {
    return MADE_UP.includes(statfsSync(realpathSync(path)).type);
  } catch {
    return false;
  }
}
