/** How the command line spells the options that messages name. */
import { spelledBy, type OptionValue, type Spelling } from "../option-names.js";

/** Flags that are not made of the option's name. */
const FLAGS: Readonly<Record<string, string>> = {
  output: "-o",
  perChannel: "--per-tensor",
  shapes: "--shape",
  dims: "--dim",
  possibilities: "--passes",
  // A function of the library: the command line writes such reports.
  reportJson: '"edgec compress --report"',
};

/** Runs `job`, whose messages name options by their flags. */
export function spelledAsFlags<T>(job: () => T): T {
  return spelledBy(asFlag, job);
}

/** "--max-drop" for `maxDrop`, "--effort fast", "--no-verify" for false, "--dim batch=1", "--fold-limit 60s,2GB". */
export const asFlag: Spelling = (name, value) => {
  const flag = flagOf(name.split(".").at(-1) ?? name, value);
  return value === undefined || typeof value === "boolean" ? flag : `${flag} ${valueText(name, value)}`;
};

function flagOf(name: string, value: OptionValue | undefined): string {
  const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return FLAGS[name] ?? `--${value === false ? "no-" : ""}${kebab}`;
}

function valueText(name: string, value: OptionValue): string {
  if (typeof value !== "object") return String(value);
  if (name === "foldLimit" || name === "loadLimit") return `${value.seconds}s,${Number(value.bytes) / 1e9}GB`;
  return Object.entries(value)
    .map(([key, size]) => `${key}=${size}`)
    .join(",");
}
