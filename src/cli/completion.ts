/**
 * How the worker process reports that its run is complete. User modules run in it too and may send messages
 * of their own. So a completion message carries a token that is sent before any user module is loaded and
 * that only a closure holds.
 */

/** The first message to the worker process. */
export interface Beginning {
  readonly token: string;
}

/** The run is complete, successful or not, and its outcome was printed. */
interface Completion {
  readonly kind: "complete";
  readonly token: string;
  readonly exitCode: number;
}

/** Reports the exit code to the parent process. The last one reported counts. */
export type ReportCompletion = (exitCode: number) => void;

/** Call it once, before any user module can listen for the message or replace `send`. */
export async function completionReporter(send: (message: Completion) => void): Promise<ReportCompletion> {
  if (!process.connected) return () => undefined;
  const { token } = await new Promise<Beginning>((resolve) =>
    process.once("message", resolve as (message: unknown) => void),
  );
  return (exitCode) => send({ kind: "complete", token, exitCode });
}

/** The exit code in a completion message; undefined for a message without the token. */
export function completedWith(message: unknown, token: string): number | undefined {
  const { kind, token: given, exitCode } = message as Partial<Completion>;
  return kind === "complete" && given === token && typeof exitCode === "number" ? exitCode : undefined;
}
