/** One golden case, read from its file. README.md beside this says what it looks like. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface GoldenCase {
  readonly pass: string;
  readonly name: string;
  readonly path: string;
  /** What the case shows, in a sentence or two. */
  readonly description: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Values of each input, one list a sample; a number asks for so many samples of random ones. */
  readonly samples: Readonly<Record<string, readonly (readonly number[])[]>> | number | undefined;
  readonly tolerance: number;
  /** Part of a reason or message that the pass gives. */
  readonly says: string | undefined;
  /** Whether a second run changes nothing: not so where a pass comes nearer to a reference each time. */
  readonly idempotent: boolean;
  readonly before: string;
  /** The model before lossy passes, where the pass is to come near to it. */
  readonly reference: string | undefined;
  /** The text of `before` where the pass is to change nothing. */
  readonly after: string;
}

const SETTINGS = ["options", "samples", "tolerance", "says", "idempotent"] as const;
const UNCHANGED = "unchanged";

/** All cases in the folder of a pass. */
export function casesOf(folder: string, pass: string): GoldenCase[] {
  const files = readdirSync(join(folder, pass)).filter((name) => name.endsWith(".txt")).sort();
  return files.map((file) => parseCase(join(folder, pass, file), pass, file.slice(0, -".txt".length)));
}

function parseCase(path: string, pass: string, name: string): GoldenCase {
  const text = readFileSync(path, "utf8");
  const fail = (message: string): never => { throw new Error(`test/golden/${pass}/${name}.txt: ${message}`); };
  const parts = /^([^]*?)^=== before\n([^]*?)(?:^=== reference\n([^]*?))?^=== after\n([^]*)$/m.exec(text);
  const [, head = "", before = "", reference, after = ""] = parts ?? fail('needs "=== before" and "=== after"');
  const { description, settings } = parseHead(head, fail);
  return {
    pass, name, path, description, before, reference,
    after: after.trim() === UNCHANGED ? before : after,
    options: (settings.options ?? {}) as GoldenCase["options"],
    samples: settings.samples as GoldenCase["samples"],
    tolerance: (settings.tolerance ?? 1e-6) as number,
    says: settings.says as string | undefined,
    idempotent: (settings.idempotent ?? true) as boolean,
  };
}

function parseHead(head: string, fail: (message: string) => never) {
  const settings: Partial<Record<(typeof SETTINGS)[number], unknown>> = {};
  const prose: string[] = [];
  for (const line of head.split("\n").filter((text) => text !== "")) {
    const word = SETTINGS.find((setting) => line.startsWith(`${setting} `));
    if (word) settings[word] = JSON.parse(line.slice(word.length)) as unknown;
    else prose.push(line);
  }
  const description = prose.join(" ");
  if (!description.endsWith(".")) fail("needs a sentence first that says what it shows");
  return { description, settings };
}

/** Writes what the pass made into the file of the case. */
export function updateCase({ path, before }: GoldenCase, after: string): void {
  const text = readFileSync(path, "utf8");
  const end = text.lastIndexOf("=== after\n");
  writeFileSync(path, `${text.slice(0, end)}=== after\n${after === before ? `${UNCHANGED}\n` : shortened(after)}`);
}

/** As whoever writes a case would: types of outputs only where they are declared, and ramps for long constants. */
function shortened(text: string): string {
  const declared = [...text.matchAll(/^ *output (%.*)$/gm)].map(([, value = ""]) => value);
  const untyped = (value: string): string => value.slice(0, value.indexOf(": "));
  const once = declared.reduce((all, value) => all.replaceAll(`${value} = `, `${untyped(value)} = `), text);
  const ofList = (list: string): string => rampOf(list.slice(1, -1).split(", ").map(Number)) ?? list;
  return once.replace(/(?<= = )\[[^\]]+\](?=[\n,}])/g, ofList);
}

function rampOf(values: readonly number[]): string | undefined {
  const [first = 0, second = 0] = values;
  const step = second - first;
  const isRamp = values.every((value, k) => Math.fround(first + k * step) === Math.fround(value));
  return isRamp && values.length > 16 ? `ramp(${first}, ${step})` : undefined;
}
