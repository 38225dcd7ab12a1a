import { expect, it } from "vitest";
import { groupBy } from "../src/group-by.js";

it("groups by key, groups and items in the order in which they come", () => {
  expect([...groupBy(["pear", "fig", "plum", "date", "kiwi"], (word) => word.length)]).toEqual([
    [4, ["pear", "plum", "date", "kiwi"]],
    [3, ["fig"]],
  ]);
});

// A copy of the group for each item would be 5 · 10⁹ steps.
it("takes a step for each item of one large group", () => {
  expect(
    groupBy(
      Array.from({ length: 100_000 }, (_, k) => k),
      () => "all",
    ).get("all"),
  ).toHaveLength(100_000);
});
