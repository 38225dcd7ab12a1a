import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeNames } from "../../src/onnx/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const newFolder = temporaryFolders();

/** New files `data` and `model` in a folder beside the old ones. */
function prepare(): { folder: string; moves: { from: string; to: string }[] } {
  const folder = newFolder();
  mkdirSync(join(folder, "new"));
  const moves = ["data", "model"].map((name) => ({
    from: join(folder, "new", name),
    to: join(folder, name),
  }));
  for (const { from, to } of moves) {
    writeFileSync(from, "new");
    writeFileSync(to, "old");
  }
  return { folder, moves };
}

const contents = (folder: string): string[] =>
  ["data", "model"].map((name) => readFileSync(join(folder, name), "utf8"));

it("replaces a model and its data, and leaves nothing else", () => {
  const { folder, moves } = prepare();
  takeNames(moves);
  expect(contents(folder)).toEqual(["new", "new"]);
  expect(readdirSync(join(folder, "new"))).toEqual([]);
});

it("restores both old files when the second new one cannot be renamed", () => {
  const { folder, moves } = prepare();
  const lost = moves.map((move, k) => (k === 1 ? { ...move, from: join(folder, "lost") } : move));
  expect(() => takeNames(lost)).toThrow(/ENOENT/);
  expect(contents(folder)).toEqual(["old", "old"]);
  expect(readFileSync(join(folder, "new/data"), "utf8")).toBe("new");
});
