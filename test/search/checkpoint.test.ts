import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Checkpoint } from "../../src/search/checkpoint.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();
const RANKING = [{ name: "conv", opType: "Conv", share: 1, intensity: 2, db: 30, noise: 1e-3 }];

function paths(): { readonly model: string; readonly data: string; readonly state: string } {
  const [model, data, state] = ["model.onnx", "calib.npz", "small.onnx.search.json"].map((name) =>
    join(folder.path, name),
  ) as [string, string, string];
  if (!existsSync(model)) for (const path of [model, data]) writeFileSync(path, "1");
  return { model, data, state };
}

it("gives a later search of the same what was measured", () => {
  const { model, data, state } = paths();
  new Checkpoint(state, [model, data], { seed: 0 }).save(RANKING);
  expect(new Checkpoint(state, [model, data], { seed: 0 }).ranking).toEqual(RANKING);
});

it("gives nothing to a search with other settings, another model or other data", () => {
  const { model, data, state } = paths();
  new Checkpoint(state, [model, data], { seed: 0 }).save(RANKING);
  expect(new Checkpoint(state, [model, data], { seed: 1 }).ranking).toBeUndefined();
  for (const path of [model, data]) {
    writeFileSync(path, "longer");
    expect(new Checkpoint(state, [model, data], { seed: 0 }).ranking).toBeUndefined();
    writeFileSync(path, "1");
  }
});

it("takes away its file at the end, and that of an earlier search", () => {
  const { model, state } = paths();
  new Checkpoint(state, [model], {}).save(RANKING);
  new Checkpoint(state, [model], { other: true }).remove();
  expect(existsSync(state)).toBe(false);
});

it("neither overwrites nor removes a file of that name that no search has written", () => {
  const { model, state } = paths();
  writeFileSync(state, "notes");
  const search = new Checkpoint(state, [model], {});
  search.save(RANKING);
  search.remove();
  expect(readFileSync(state, "utf8")).toBe("notes");
});
