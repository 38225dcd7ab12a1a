/**
 * Notices that let a supervising process clean up after this one, however it ends. The CLI sends them to its
 * parent process; when edgec is used as a library, nobody listens.
 */
export type Notice =
  /** Temporary files are about to be created in this folder. */
  | { readonly kind: "folder"; readonly path: string }
  /** A child process was started, or has ended. */
  | { readonly kind: "started" | "ended"; readonly pid: number }
  /** A requested output file is about to be renamed into place, or was. */
  | { readonly kind: "writing" | "written"; readonly path: string }
  /** A user module is about to run in this process. */
  | { readonly kind: "module"; readonly path: string };

let listener: ((notice: Notice) => void) | undefined;

/** There is one listener at a time: the entry point of the process. */
export function onNotice(listen: (notice: Notice) => void): void {
  listener = listen;
}

export function notify(notice: Notice): void {
  listener?.(notice);
}
