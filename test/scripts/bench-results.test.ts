/** How the figures of a release are kept: one a line, and a bench that runs again replaces its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { recordTable, takeLines, writeResults } from "../../bench/results.mjs";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();

it("makes a line of each figure, named by the cells before the first", () => {
  recordTable(
    'Speed, "in turns"',
    ["model", "tool", "size", "speed"],
    [["lenet", "edgec", "3.8x", 'x "fast"']],
  );
  expect(takeLines("int8")).toEqual([
    'int8,"Speed, ""in turns""",lenet edgec,size,3.8x',
    'int8,"Speed, ""in turns""",lenet edgec,speed,"x ""fast"""',
  ]);
  expect(takeLines("int8")).toEqual([]);
});

it("replaces the lines of benches that ran, and keeps the others", () => {
  const path = join(folder.path, "results/1.0.0.csv");
  const text = () => readFileSync(path, "utf8");
  writeResults(
    path,
    new Map([
      ["io", ["io,t,r,c,1"]],
      ["int8", ["int8,t,r,c,2"]],
    ]),
    "one, core",
  );
  writeResults(path, new Map([["io", ["io,t,r,c,3"]]]), "two cores");
  expect(text().split("\n")).toEqual([
    "bench,table,row,column,value",
    'int8,machine,,,"one, core"',
    "int8,t,r,c,2",
    "io,machine,,,two cores",
    "io,t,r,c,3",
    "",
  ]);
});
