/** Random models with outputs that are no tensors, through random passes. */
import { afterAll, expect, it } from "vitest";
import { oddFeed, oddModel, withoutExpected } from "../verify/odd-outputs.js";
import { Examiner } from "./differential.js";
import { planLine, randomPlan } from "./pass-lists.js";
import { Random } from "./random.js";

const CASES = 30;

const examiner = new Examiner();
afterAll(() => examiner.close());

it("keep what is in them", { timeout: 120_000 }, async () => {
  const failures: string[] = [];
  for (let seed = 0; seed < CASES; seed++) {
    const odd = oddModel(seed);
    const random = new Random(seed ^ 0x0dd);
    const feeds = Array.from({ length: 3 }, () => oddFeed(random, odd.rows));
    const model = withoutExpected(odd);
    const plan = randomPlan(model, random);
    const outcome = await examiner.examine({ model, feed: feeds[0]!, feeds, plan });
    if (outcome.kind !== "same") failures.push(`seed ${seed}: ${outcome.kind}: ${outcome.detail} (${planLine(plan)})`);
  }
  expect(failures).toEqual([]);
});
