import { expect, test } from "vitest";
import { DataType, tensorValue } from "../../src/ir/index.js";
import { randomFeeds } from "../../src/verify/index.js";
import { firstFeeds, ReferenceOutputs } from "../../src/verify/reference-outputs.js";
import { floats, strings, y } from "../fidelity/tiny-values.js";

/** 100 samples of 10 floats, 40 bytes each. */
const DATA = randomFeeds([tensorValue("x", DataType.FLOAT, [10])], { samples: 100 });

test("feeds end at the number of samples, or at the byte limit", async () => {
  expect(await firstFeeds(DATA, 3)).toHaveLength(3);
  expect(await firstFeeds(DATA, 1000)).toHaveLength(100);
  expect(await firstFeeds(DATA, 50, 90)).toHaveLength(3);
  expect(await firstFeeds(DATA, 50, 1)).toHaveLength(1);
});

test("outputs are kept with their feeds until both together reach the byte limit", async () => {
  const feeds = await firstFeeds(DATA, 10);
  // 40 bytes of feed and 8 of output, then 40 and 12: 100 are reached by the second.
  const kept = new ReferenceOutputs(feeds, 100);
  for (const output of [floats([1, 2]), strings("ab", "cdef"), floats([3])]) kept.add(y(output));
  expect(kept.outputs).toHaveLength(2);
  expect(kept.feeds).toEqual(feeds.slice(0, 2));
});
