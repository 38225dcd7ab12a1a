/**
 * What a process that looks after this one must know to clean up behind it, however it ends. The command line passes
 * notices on to the process that started it; a program that uses edgec as a library hears nothing.
 */
export type Notice =
  /** A folder in which temporary files are about to be made. */
  | { readonly kind: "folder"; readonly path: string }
  /** A child process was started, or has ended. */
  | { readonly kind: "started" | "ended"; readonly pid: number }
  /** A file that the user asked for is about to take its name, or has taken it. */
  | { readonly kind: "writing" | "written"; readonly path: string }
  /** A module of the user's is about to run in this process. */
  | { readonly kind: "module"; readonly path: string }
  /** The run has come to its end, good or bad, and its outcome was told. */
  | { readonly kind: "complete" };

let listener: ((notice: Notice) => void) | undefined;

/** Only one listener at a time: the entry of the process. */
export function onNotice(listen: (notice: Notice) => void): void {
  listener = listen;
}

export function notify(notice: Notice): void {
  listener?.(notice);
}
