import { expect, it } from "vitest";
import { groupBy } from "../src/group-by.js";

it("groups by key and keeps the order of groups and items", () => {
  expect([...groupBy(["pear", "fig", "plum", "date", "kiwi"], (word) => word.length)]).toEqual([
    [4, ["pear", "plum", "date", "kiwi"]],
    [3, ["fig"]],
  ]);
});

// A copy of the group for each item would be 5 · 10⁹ steps.
it("takes one step per item of a large group", () => {
  expect(
    groupBy(
      Array.from({ length: 100_000 }, (_, k) => k),
      () => "all",
    ).get("all"),
  ).toHaveLength(100_000);
});
