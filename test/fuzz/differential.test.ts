/**
 * Random graphs through random passes. A fixed number of cases from a fixed seed; `npm run fuzz --
 * --seconds 60 --seed 1` asks for others. A failure is made smaller, saved, and named with the seed that
 * makes it again.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { printModel } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { Examiner, type Case } from "./differential.js";
import { generateModel, type Generated } from "./generate.js";
import { planLine, randomPlan } from "./pass-lists.js";
import { Random } from "../support/random.js";
import { shrink } from "./shrink.js";

const CASES = process.env.EDGEC_FULL === "1" ? 200 : 50;
const SEED = Number(process.env.EDGEC_FUZZ_SEED ?? 1);
const SECONDS = Number(process.env.EDGEC_FUZZ_SECONDS ?? 0);
const LIMIT = SECONDS > 0 ? Infinity : CASES;
const MOST_FAILURES = 12;

const examiner = new Examiner();
afterAll(() => examiner.close());

function caseOf(seed: number): Case & Pick<Generated, "values"> {
  const generated = generateModel(seed);
  return { ...generated, plan: randomPlan(generated.model, new Random(seed ^ 0x5eed)) };
}

async function describeFailure(
  seed: number,
  given: Case & Pick<Generated, "values">,
  detail: string,
): Promise<string> {
  const small = await shrink(given, given.values, examiner, detail);
  const folder = join(tmpdir(), "edgec-fuzz");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `seed-${seed}.onnx`);
  writeFileSync(path, encodeModelBytes(small.model));
  const outcome = await examiner.examine(small);
  return (
    `seed ${seed}: ${outcome.detail ?? detail}\n  passes: ${planLine(small.plan)}\n  ` +
    `model: ${path}\n  again: npm run fuzz -- --cases 1 --seed ` +
    `${seed}\n${printModel(small.model)}`
  );
}

it(
  `leaves what random graphs compute as it was (seed ${SEED})`,
  { timeout: (SECONDS + 600) * 1000 },
  async () => {
    const end = SECONDS > 0 ? performance.now() + SECONDS * 1000 : Infinity;
    const most = Number(process.env.EDGEC_FUZZ_CASES ?? LIMIT);
    const counts = { same: 0, "cannot run": 0, fault: 0 };
    const failures: string[] = [];
    const refusals = new Map<string, number>();
    for (let k = 0; k < most && performance.now() < end && failures.length < MOST_FAILURES; k++) {
      const seed = SEED + k;
      const given = caseOf(seed);
      const outcome = await examiner.examine(given);
      counts[outcome.kind]++;
      if (outcome.kind === "fault") failures.push(await describeFailure(seed, given, outcome.detail));
      if (outcome.kind === "cannot run") refusals.set(outcome.detail ?? "", seed);
    }
    if (process.env.EDGEC_FUZZ_SEED !== undefined)
      process.stderr.write(
        `${JSON.stringify({ ...counts, changedBy: Object.fromEntries(examiner.changed) })}\n`,
      );
    if (process.env.EDGEC_FUZZ_VERBOSE)
      process.stderr.write(
        `${[...refusals].map(([detail, seed]) => `${seed}: ${detail.slice(0, 300)}`).join("\n")}\n`,
      );
    expect(failures, failures.join("\n\n")).toEqual([]);
    // A generator that makes what does not run would test nothing.
    expect(counts["cannot run"]).toBeLessThan(0.05 * (counts.same + 20));
  },
);
