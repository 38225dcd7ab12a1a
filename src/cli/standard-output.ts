/** Paths that mean standard output for a report. */
const NAMES: readonly string[] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

export function isStandardOutput(path: string): boolean {
  return NAMES.includes(path);
}
