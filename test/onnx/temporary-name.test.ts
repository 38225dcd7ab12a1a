import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  newRunToken,
  removeRun,
  removeStale,
  runToken,
  temporaryBeside,
  temporaryPrefix,
} from "../../src/onnx/temporary-name.js";
import { Random } from "../fuzz/random.js";
import { temporaryFolders } from "./temporary-folder.js";

const newFolder = temporaryFolders();
const HERE = runToken().split("-")[1]!;
const WEEK_MS = 7 * 24 * 3600 * 1000;

/** A process id that is nobody's any more. */
function gonePid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function make(path: string, isFolder: boolean, ageMs: number): void {
  if (isFolder) mkdirSync(path);
  const file = isFolder ? join(path, "inner") : path;
  writeFileSync(file, "x");
  for (const each of new Set([file, path]))
    utimesSync(each, new Date(Date.now() - ageMs), new Date(Date.now() - ageMs));
}

describe("names of temporary files", () => {
  it("tell the process and lie hidden beside a user's files", () => {
    const folder = newFolder();
    expect(basename(temporaryBeside(join(folder, "model.onnx"), "write"))).toMatch(
      new RegExp(`^\\.edgec-${process.pid}-[0-9a-f]{8}-write-[0-9a-f]{12}$`),
    );
    expect(newRunToken()).toBe(runToken());
  });
});

describe("what is stale", () => {
  it("is removed for certain and nothing else, whatever lies in the folder", () => {
    const random = new Random(5);
    const gone = gonePid();
    for (let round = 0; round < 60; round++) {
      const folder = newFolder();
      const kept: string[] = [];
      for (let k = 0; k < 8; k++) {
        const flip = (): boolean => random.chance(0.5);
        const [isGone, isHere, isOurs, isFolder, isHidden] = [flip(), flip(), flip(), flip(), flip()];
        const ageMs = random.pick([0, WEEK_MS / 2, WEEK_MS * 1.1]);
        const host = isHere ? HERE : "0123abcd";
        const name = isOurs
          ? `${isHidden ? "." : ""}edgec-${isGone ? gone : process.ppid}-${host}-run-${k}`
          : random.pick([`edgec-demo-${k}`, `.edgec-${gone}.onnx${k}`, `model-${k}.onnx`, `edgec-${gone}-short-${k}`]);
        make(join(folder, name), isFolder, ageMs);
        // Here the process decides; elsewhere nobody can be asked, and only time tells.
        const isStale = isOurs && (isHere ? isGone : ageMs > WEEK_MS);
        if (!isStale) kept.push(name);
      }
      removeStale(folder);
      expect(readdirSync(folder).sort()).toEqual(kept.sort());
    }
  });

  it("is never a link", () => {
    const folder = newFolder();
    const target = newFolder();
    writeFileSync(join(target, "mine"), "x");
    symlinkSync(target, join(folder, `edgec-${gonePid()}-${HERE}-run-x`));
    removeStale(folder);
    expect(existsSync(join(target, "mine"))).toBe(true);
  });

  it("is looked for when the first temporary file is made in a folder", () => {
    const folder = newFolder();
    make(join(folder, `.edgec-${gonePid()}-${HERE}-run-x`), true, 0);
    temporaryPrefix(folder, "run");
    expect(readdirSync(folder)).toEqual([]);
  });
});

it("a run's own files are told from those of another run", () => {
  const folder = newFolder();
  for (const name of [
    `.edgec-12-${HERE}-run-a`,
    `edgec-12-${HERE}-graph-b`,
    `edgec-123-${HERE}-run-c`,
    `edgec-12-0123abcd-run-d`,
  ])
    make(join(folder, name), true, 0);
  removeRun(folder, `12-${HERE}`);
  expect(readdirSync(folder).sort()).toEqual([`edgec-12-0123abcd-run-d`, `edgec-123-${HERE}-run-c`]);
});

describe("a process that is killed while files take their names", () => {
  const script = fileURLToPath(new URL("./killed-while-renaming.mjs", import.meta.url));
  const OLD = [[], ["data"], ["model"], ["data", "model"]];

  it.each(OLD.map((names) => [names.join(" and ") || "nothing", names] as const))(
    "leaves all old or all new, with %s there before",
    (_, names) => {
      const outcomes: string[] = [];
      for (let step = 0; ; step++) {
        const folder = newFolder();
        for (const name of names) writeFileSync(join(folder, name), "old");
        const { signal } = spawnSync(process.execPath, [script, folder, String(step)], {
          env: { ...process.env, EDGEC_RUN: "" },
        });
        removeStale(folder);
        const found = Object.fromEntries(
          readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
        );
        const isOld = JSON.stringify(found) === JSON.stringify(Object.fromEntries(names.map((name) => [name, "old"])));
        if (!isOld) expect(found).toEqual({ data: "new", model: "new" });
        outcomes.push(isOld ? "old" : "new");
        if (signal === null) break;
      }
      // Every step from the first to the last was tried.
      expect([outcomes[0], outcomes.at(-1)]).toEqual(["old", "new"]);
      expect(outcomes.length).toBeGreaterThanOrEqual(3 + names.length);
    },
  );

  it("is no way to touch other files, whatever a record says", () => {
    const outer = newFolder();
    const folder = join(outer, "inner");
    mkdirSync(folder);
    writeFileSync(join(outer, "victim"), "mine");
    writeFileSync(join(folder, "kept"), "mine");
    const entry = join(folder, `.edgec-${gonePid()}-${HERE}-run-x`);
    mkdirSync(entry);
    // As a record would have it of files that were moved out of the entry, and of old ones set aside in it.
    const { dev, ino, size } = statSync(join(outer, "victim"), { bigint: true });
    const own = basename(entry);
    const moves = [
      { from: "kept", to: "taken", file: "" },
      { from: "../victim", to: "taken", file: "" },
      { from: `${own}/gone`, to: "../victim", file: `${dev}:${ino}:${size}` },
      { from: `${own}/set`, to: "../planted", file: "" },
      { from: `${own}/set`, to: "..", file: "" },
    ];
    writeFileSync(join(entry, "set.old"), "planted");
    writeFileSync(join(folder, "kept.old"), "x");
    // A file that has not been moved yet makes the moves unfinished.
    writeFileSync(join(entry, "waiting"), "new");
    const waiting = { from: `${own}/waiting`, to: "fine", file: "" };
    const records = [...moves.map((move) => JSON.stringify([move, waiting])), JSON.stringify(moves), "[", "{}", "[{}]"];
    for (const [k, text] of records.entries()) writeFileSync(join(entry, `${k}.moves`), text);
    removeStale(folder);
    expect([readdirSync(folder).sort(), readdirSync(outer).sort()]).toEqual([
      ["kept", "kept.old"],
      ["inner", "victim"],
    ]);
  });
});
