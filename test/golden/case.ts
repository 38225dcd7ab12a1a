/**
 * One golden case: what it shows, options of the pass, the model as text before and after.
 *
 *   An Identity between two nodes goes.
 *   options {"amount": 0.5}           optional; default {}
 *   samples {"x": [[1, 2], [3, 4]]}   optional; what statistics are measured on, one list a sample
 *   tolerance 0.01                    optional; largest difference of outputs, default 1e-6
 *   === before
 *   model ir=8 ai.onnx=17
 *   …
 *   === after
 *   …                                 or the one word "unchanged"
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface GoldenCase {
  readonly pass: string;
  readonly name: string;
  readonly description: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly samples: Readonly<Record<string, readonly (readonly number[])[]>> | undefined;
  readonly tolerance: number;
  readonly before: string;
  /** The text of `before` where the pass is to change nothing. */
  readonly after: string;
}

const SETTINGS = ["options", "samples", "tolerance"] as const;

/** All cases in the folder of a pass. */
export function casesOf(folder: string, pass: string): GoldenCase[] {
  const files = readdirSync(join(folder, pass)).filter((name) => name.endsWith(".txt")).sort();
  return files.map((name) => parseCase(readFileSync(join(folder, pass, name), "utf8"), pass, name.slice(0, -".txt".length)));
}

export function parseCase(text: string, pass: string, name: string): GoldenCase {
  const [head = "", before, after] = text.split(/^=== (?:before|after)\n/m);
  if (before === undefined || after === undefined) throw new Error(`${pass}/${name}: needs "=== before" and "=== after"`);
  const lines = head.split("\n").filter((line) => line.trim() !== "");
  const isSetting = (line: string): boolean => SETTINGS.some((word) => line.startsWith(`${word} `));
  const setting = (word: (typeof SETTINGS)[number]): unknown => {
    const line = lines.find((candidate) => candidate.startsWith(`${word} `));
    return line === undefined ? undefined : JSON.parse(line.slice(word.length));
  };
  return {
    pass, name, before, after: after.trim() === "unchanged" ? before : after,
    description: lines.filter((line) => !isSetting(line)).join(" "),
    options: (setting("options") ?? {}) as GoldenCase["options"],
    samples: setting("samples") as GoldenCase["samples"],
    tolerance: (setting("tolerance") ?? 1e-6) as number,
  };
}
