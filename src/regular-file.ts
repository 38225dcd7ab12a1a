/**
 * Checks that a path leads to a regular file on this machine. Anything else with a path (a pipe, a device, a
 * socket, a file of /proc) may block forever, never end, or give its content only once.
 */
import { realpathSync, statfsSync, statSync, type Stats } from "node:fs";
import { EdgecError } from "./errors.js";

/** Linux file system types whose files the kernel generates on read: proc and sysfs. */
const VIRTUAL_FILE_SYSTEMS: readonly number[] = [0x9fa0, 0x62656572];

const STANDARD_INPUT: readonly string[] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/**
 * Whether the path is a URL, such as "https://host/model.onnx" or "s3://bucket/key". A drive letter is not a
 * scheme.
 */
export function isUrl(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(path);
}

/**
 * Why `path` cannot be read as a file, as text that follows the file's name. Undefined for a regular file and
 * for a folder. Also undefined where nothing exists: the reader's own error says that best.
 */
export function whyUnreadable(path: string): string | undefined {
  if (path === "") return "the path is empty. Give the path of a file.";
  const found = lookAt(path);
  if (!found) return isUrl(path) ? urlAdvice(path) : path === "-" ? inputAdvice : undefined;
  if (found.isDirectory()) return undefined;
  if (!found.isFile())
    return STANDARD_INPUT.includes(path)
      ? inputAdvice
      : `it is ${kindOf(found)}, not a file. Save its content to a file first.`;
  return isVirtualFile(path)
    ? "the system generates its content on each read. Copy it to a file first."
    : undefined;
}

/**
 * Throws EdgecError CANNOT_READ when `path` leads to something that is neither a regular file nor a folder.
 */
export function requireRegularFile(path: string): void {
  const reason = whyUnreadable(path);
  if (reason !== undefined) throw new EdgecError("CANNOT_READ", `cannot read ${path || '""'}: ${reason}`);
}

/**
 * Throws EdgecError BAD_OPTION for an empty path, which a shell gives for an unset variable.
 * @param option its name in messages
 * @param wanted what to give
 * @param isNeeded whether the option cannot be left out
 */
export function refuseEmptyPath(option: string, path: string, wanted: string, isNeeded = false): void {
  if (path.trim() !== "") return;
  const otherwise = isNeeded ? "" : ", or leave it out";
  throw new EdgecError("BAD_OPTION", `${option} is empty: give ${wanted}${otherwise}.`);
}

/**
 * Why no file can be written to `path`, such as "it is a pipe". Undefined for a regular file or where nothing
 * exists.
 */
export function whyNoPlaceForFile(path: string): string | undefined {
  const found = lookAt(path);
  if (!found) return isUrl(path) ? "it is a URL, and edgec writes local files only" : undefined;
  if (found.isFile()) return isVirtualFile(path) ? "it is a file that the system generates" : undefined;
  return `it is ${found.isDirectory() ? "a folder" : kindOf(found)}`;
}

const inputAdvice =
  "edgec reads files more than once, which standard input does not allow. Save it to a file first.";

function urlAdvice(path: string): string {
  return /^file:/i.test(path)
    ? "edgec takes plain paths. Leave out file://."
    : "it is a URL, and edgec reads local files only. Download it first.";
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return "a pipe";
  if (found.isSocket()) return "a socket";
  return found.isCharacterDevice() || found.isBlockDevice() ? "a device" : "a special file";
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // Opening it fails as well, and that error says why.
  }
}

function isVirtualFile(path: string): boolean {
  try {
    return VIRTUAL_FILE_SYSTEMS.includes(statfsSync(realpathSync(path)).type);
  } catch {
    return false;
  }
}
