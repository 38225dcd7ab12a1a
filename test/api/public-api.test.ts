/**
 * The public API with its types is what was agreed on. Where a change is meant, `npm run api` takes it over,
 * and CHANGELOG tells it.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { AGREED, publicApi } from "../../scripts/public-api.mjs";

const { text, unnamed } = publicApi();

/** Lines that only one of the texts has, as a patch shows them, each below the export that it belongs to. */
function difference(before: string, after: string): string[] {
  const entries = (api: string): Map<string, string[]> =>
    new Map(
      api.split("\n\n").map((entry) => [entry.split("\n", 1)[0]!, entry.trimEnd().split("\n").slice(1)]),
    );
  const [old, now] = [entries(before), entries(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((head) => {
    const [was, is] = [old.get(head), now.get(head)];
    if (!was || !is) return [`${was ? "-" : "+"} ${head}`];
    const lines = [
      ...was.filter((line) => !is.includes(line)).map((line) => `- ${line}`),
      ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
    ];
    return lines.length === 0 ? [] : [`  ${head}`, ...lines];
  });
}

it("has exactly the types that were agreed on", () => {
  const changes = difference(readFileSync(AGREED, "utf8"), text);
  expect(
    changes,
    `the public API changed; if that is meant, run "npm run api":\n${changes.join("\n")}`,
  ).toEqual([]);
});

it("exports every type that its declarations name", () => {
  expect(unnamed).toEqual([]);
});

it("tells a change by the export and the member", () => {
  const changed = text.replace("readonly prune?: string | number", "readonly prune?: number");
  expect(difference(text, changed)).toEqual([
    "  interface CompressOptions",
    "-   readonly prune?: string | number",
    "+   readonly prune?: number",
  ]);
  expect(difference(text, text.replace(/^function verify.*\n\n/m, ""))).toEqual([
    expect.stringMatching(/^- function verify\(/),
  ]);
});
