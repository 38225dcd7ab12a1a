/** A run that fails early leaves no process behind that looks for the runtime. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compress } from "../../src/compress/compress.js";
import { onNotice } from "../../src/run-notices.js";
import { RuntimeSearch } from "../../src/runtime/index.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();
const started: number[] = [];
const kind = process.env.EDGEC_RUNTIME;
// Another value of the variable has not been looked up yet.
const kinds = ["node", "", "web"];
beforeEach(() => {
  process.env.EDGEC_RUNTIME = kinds.shift();
  onNotice((notice) => notice.kind === "started" && started.push(notice.pid));
});
afterEach(() => {
  started.length = 0;
  onNotice(() => undefined);
  if (kind === undefined) delete process.env.EDGEC_RUNTIME;
  else process.env.EDGEC_RUNTIME = kind;
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it("close ends a look that is under way, and its process has ended when close resolves", async () => {
  const search = new RuntimeSearch();
  const looking = search.look(true);
  const failed = expect(looking).rejects.toThrow("the run ended before the runtime was found");
  expect(started.map(isRunning)).toEqual([true]);
  await search.close();
  expect(started.map(isRunning)).toEqual([false]);
  await failed;
  // What was not found out is not remembered.
  const again = new RuntimeSearch();
  expect(await again.look(true)).toMatchObject({ isThere: true });
  expect(started).toHaveLength(2);
  await again.close();
  expect(started.map(isRunning)).toEqual([false, false]);
});

it("close waits for the process of a look that keeps none", async () => {
  const search = new RuntimeSearch();
  const looking = search.look(false);
  await looking;
  await search.close();
  expect(started.map(isRunning)).toEqual([false]);
});

it("a model that cannot be read leaves no process", async () => {
  const path = join(folder.path, "broken.onnx");
  writeFileSync(path, "no model");
  await expect(compress(path)).rejects.toMatchObject({ code: "BAD_MODEL" });
  expect(started.map(isRunning)).toEqual([false]);
});
