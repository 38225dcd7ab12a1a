/**
 * No link of the documentation is dead: files and folders exist, headings exist, and every page can be
 * reached from the README. Actions in workflows are pinned to commits.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const under = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const inRoot = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
const PAGES = [
  ...inRoot,
  ...["docs", "examples", "bench", "fixtures"].flatMap((folder) => under(folder, ".md")),
];
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
/** What stands in code is no link. */
const prose = (text: string): string => text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, "code");

function linksOf(page: string): string[] {
  return [...prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** As GitHub makes them: lower case, spaces to hyphens, other signs left out. */
function anchorsOf(page: string): string[] {
  const headings = read(page)
    .replaceAll(/```[\s\S]*?```/g, "")
    .matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, text]) =>
    text!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

const target = (page: string, link: string): string =>
  link.startsWith("#") ? page : relative(ROOT, resolve(ROOT, dirname(page), link.split("#", 1)[0]!));

function isDead(page: string, link: string): boolean {
  const path = target(page, link);
  if (path.startsWith("..") || !existsSync(join(ROOT, path))) return true;
  const [, anchor] = link.split("#");
  return anchor !== undefined && !anchorsOf(path).includes(anchor);
}

describe("links of the documentation", () => {
  it.each(PAGES)("lead somewhere in %s", (page) => {
    expect(linksOf(page).filter((link) => isDead(page, link))).toEqual([]);
  });

  it("lead from the README to every page of docs", () => {
    const reached = new Set<string>();
    const visit = (page: string): void => {
      if (reached.has(page) || !PAGES.includes(page)) return;
      reached.add(page);
      for (const link of linksOf(page)) visit(target(page, link));
    };
    visit("README.md");
    expect(under("docs", ".md").filter((page) => !reached.has(page))).toEqual([]);
  });

  it("in comments and messages of the code name files that exist", () => {
    const files = ["src", "test", "scripts", "bench"].flatMap((folder) =>
      [".ts", ".mjs"].flatMap((ending) => under(folder, ending)),
    );
    const dead = files.flatMap((file) =>
      [...read(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)]
        .map(([path]) => path)
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${file}: ${path}`),
    );
    expect(dead).toEqual([]);
  });
});

describe("the README", () => {
  it("is short, and names the first command within 60 words", () => {
    const lines = read("README.md").trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(90);
    expect(lines.filter((line) => line.length > 400)).toEqual([]);
    const [before = ""] = read("README.md").split(/^npx /m, 1);
    expect(before.split(/\s+/).length).toBeLessThanOrEqual(60);
  });
});

describe("workflows", () => {
  it.each([...under(".github/workflows", ".yml"), "examples/ci.yml"])("pin every action in %s", (path) => {
    const uses = [...read(path).matchAll(/uses: (\S+)/g)].map(([, action]) => action!);
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
  });
});
