/** Files that edgec makes on its way: messages name what is in them, as their paths mean nothing to anyone and are soon gone. */

const names = new Map<string, string>();

/** What a file made on the way holds, by the purpose that it was made for. */
const HOLDS: readonly (readonly [RegExp, string])[] = [
  [/^(?:original|reference|raised)/, "the original model"], [/^(?:planned|stored|plain|best|trial)/, "the compressed model"],
];

/** @param purpose a file name or a word: "trial.onnx", "raised" */
export function nameOwnFile(path: string, purpose: string): void {
  names.set(path, HOLDS.find(([pattern]) => pattern.test(purpose))?.[1] ?? "a model made on the way");
}

/** What messages call a model file: what it holds, or the path of a file that is not edgec's own. */
export function fileLabel(path: string): string {
  return names.get(path) ?? path;
}

export function forgetOwnFiles(folder: string): void {
  for (const path of names.keys()) if (path.startsWith(folder)) names.delete(path);
}
