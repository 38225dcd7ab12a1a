/** The page of the library shows every export under the name that callers import. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const page = readFileSync("docs/reference/api.md", "utf8");
const entries = [...page.matchAll(/^### (\w+)\n\n```ts\n([^]*?)\n```$/gm)].map(
  ([, name = "", text = ""]) => ({ name, text }),
);

it("declares in every entry what its heading names", () => {
  expect(entries.length).toBeGreaterThan(100);
  const others = entries.filter(
    ({ name, text }) =>
      !new RegExp(`^(?:abstract )?(?:function|class|const|enum|interface|type) ${name}\\b`, "m").test(text),
  );
  expect(others.map(({ name }) => name)).toEqual([]);
});

it("names no list of values that callers cannot import", () => {
  const lists = entries.flatMap(({ text }) =>
    [...text.matchAll(/\(typeof (\w+)\)/g)].map(([, list]) => list),
  );
  expect(lists.filter((list) => !entries.some(({ name }) => name === list))).toEqual([]);
});
