/** Each folder here is named after a pass and holds models as text, before and after it: see README.md. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { parseModel, printModel } from "../../src/ir/index.js";
import { assertSound } from "../../src/ops/check-operators.js";
import { PASSES } from "../../src/pipeline/registry.js";
import { difference } from "../passes/graph/running.js";
import { casesOf, updateCase, type GoldenCase } from "./case.js";
import { apply, outputsOf, PROCESS } from "./harness.js";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const UPDATE = process.env.EDGEC_UPDATE_GOLDEN !== undefined;
/** Enough to write every constant of a case in full. */
const IN_FULL = { shown: 4096 };
const canonical = (text: string): string => printModel(parseModel(text), IN_FULL);

const entries = readdirSync(FOLDER, { withFileTypes: true });
const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
const cases = new Map(folders.map((pass) => [pass, casesOf(FOLDER, pass)]));

afterAll(() => PROCESS.close());

describe.each(folders)("%s", (pass) => {
  it.each(cases.get(pass)!.map((golden) => [golden.name, golden] as const))("%s", async (_, golden) => {
    const after = await appliedTo(golden.before, golden);
    const isRight = golden.after.trim() !== "" && after === canonical(golden.after);
    if (UPDATE && !isRight) updateCase(golden, after === canonical(golden.before) ? golden.before : after);
    if (!UPDATE) expect(after, golden.description).toBe(canonical(golden.after));
    const expected = UPDATE ? after : golden.after;

    if (golden.idempotent) {
      expect(await appliedTo(expected, golden), "a second run changes nothing").toBe(canonical(expected));
    }
    await expectSameOutputs(golden, expected);
  });
});

it("says in the name of a case whether the pass leaves the model as it is", () => {
  const all = [...cases.values()].flat();
  const misnamed = all.filter(({ name, before, after }) => /-stays?$/.test(name) !== (before === after));
  expect(misnamed.map(({ pass, name }) => `${pass}/${name}`)).toEqual([]);
});

it("shows for every pass where it acts and where it does not", () => {
  const acting = ({ before, after }: GoldenCase): boolean => before !== after;
  const missing = PASSES.map(({ name }) => name).filter((name) => {
    const found = cases.get(name) ?? [];
    return !found.some(acting) || found.every(acting);
  });
  expect(missing).toEqual([]);
  expect(folders.filter((name) => !PASSES.some((pass) => pass.name === name))).toEqual([]);
});

/** The model that the pass makes of the one in `text`; that it says truly whether it changed it. */
async function appliedTo(text: string, golden: GoldenCase): Promise<string> {
  const model = parseModel(text);
  assertSound(model, golden.name);
  const { modified, nodes, diagnostics } = await apply(model, golden);
  assertSound(model, golden.name);
  const result = printModel(model, IN_FULL);
  const said = [...nodes.map(({ name, reason }) => `${name}: ${reason}`), ...diagnostics.map(({ message }) => message)];
  if (golden.says !== undefined && text === golden.before) expect(said.join("\n")).toContain(golden.says);
  expect(modified, "modified says whether the model changed").toBe(result !== canonical(text));
  return result;
}

/** Of a pass that comes near to a reference, the outputs are those of that. What does not change only has to run. */
async function expectSameOutputs({ before, reference, tolerance }: GoldenCase, after: string): Promise<void> {
  const outputs = await outputsOf(after);
  if (canonical(before) === canonical(after) && reference === undefined) return;
  const expected = await outputsOf(reference ?? before);
  for (const [k, output] of outputs.entries()) expect(difference(expected[k]!, output)).toBeLessThanOrEqual(tolerance);
}
