/**
 * How the process that does the work says that its run has come to its end. Modules of the user's run in it as well, and
 * may send messages of their own: what counts bears a token that is handed over before any of them is loaded, and that
 * nothing but a closure holds.
 */

/** The first message to the process that works. */
export interface Beginning {
  readonly token: string;
}

/** The run has come to its end, good or bad, and its outcome was told. */
export interface Completion {
  readonly kind: "complete";
  readonly token: string;
  readonly exitCode: number;
}

/** Tells the process that started this one. The last exit code told is the one that counts. */
export type TellCompletion = (exitCode: number) => void;

/** To be called once, before any module of the user's can listen or put a function of its own in the place of `send`. */
export async function completionTeller(send: (message: Completion) => void): Promise<TellCompletion> {
  if (!process.connected) return () => undefined;
  const { token } = await new Promise<Beginning>((resolve) => process.once("message", resolve as (message: unknown) => void));
  return (exitCode) => send({ kind: "complete", token, exitCode });
}

/** The exit code that a message tells; undefined for one that does not bear the token. */
export function completedWith(message: unknown, token: string): number | undefined {
  const { kind, token: given, exitCode } = message as Partial<Completion>;
  return kind === "complete" && given === token && typeof exitCode === "number" ? exitCode : undefined;
}
