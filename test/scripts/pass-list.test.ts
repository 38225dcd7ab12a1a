/** The reference of passes: options get their comments however a pass is written, and none goes without. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commentsIn, section } from "../../scripts/docs/pass-list.mjs";

const OPTIONS = `
  export interface Base {
    /** From below. */
    readonly low: number;
    /** Replaced. */
    readonly both: number;
  }
  export interface Own extends BASE {
    /** Its own. */
    readonly high: number;
    /** Last. */
    readonly both: number;
  }`;
const EXPECTED = { low: "From below.", both: "Last.", high: "Its own." };

it.each([
  ["a name as text", 'name: "a-pass"', "Base"],
  ["a name as a constant", "name: NAME", "Base"],
  ["options that must all be given", "name: NAME", "Required<Base>"],
  ["some of the options", "name: NAME", 'Pick<Base, "low">'],
  ["all options but one", "name: NAME", 'Omit<Base, "none">'],
])("finds the comments of %s", (_, name, base) => {
  const pass = `const NAME = "a-pass";\nexport const aPass = definePass<Own>({ ${name}, nested: { name: "other" } });`;
  const found = commentsIn([pass, OPTIONS.replace("BASE", base)]).get("a-pass");
  expect(Object.fromEntries(found ?? [])).toEqual(EXPECTED);
});

it("refuses an option without a comment", () => {
  const pass = { name: "a-pass", description: "Do a thing", defaults: { low: 1, high: 2 } };
  expect(() => section(pass, new Map([["low", "From below."]]))).toThrow(
    'Option "high" of a-pass has no comment',
  );
  expect(() => section(pass)).toThrow('Option "low" of a-pass');
});

it("leaves no cell of the reference empty", () => {
  expect(readFileSync("docs/reference/passes.md", "utf8").match(/^.*\| *\|$/gm)).toBeNull();
});
