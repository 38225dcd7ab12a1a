/** The names by which standard output is asked for as the place of a report. */
const NAMES: readonly string[] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

export function isStandardOutput(path: string): boolean {
  return NAMES.includes(path);
}
