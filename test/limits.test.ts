import { describe, expect, it } from "vitest";
import { checkedLimit, parseLimit, resolvedLimit } from "../src/limits.js";

describe("parseLimit", () => {
  it.each([
    ["705000", "bytes", 705_000],
    ["2MB", "bytes", 2_000_000],
    ["1.5 MiB", "bytes", 1_572_864],
    ["0.1x", "bytes", { share: 0.1 }],
    ["2 X", "bytes", { share: 2 }],
    [".5×", "ms", { share: 0.5 }],
    ["12ms", "ms", 12],
    ["1.5s", "ms", 1500],
    ["300M", "macs", 3e8],
    ["1.2g", "macs", 1.2e9],
  ] as const)("%s in %s", (text, unit, limit) => {
    expect(parseLimit(text, unit)).toEqual(limit);
  });

  it.each([
    ["", "bytes"],
    ["x", "bytes"],
    ["0x", "bytes"],
    ["-1x", "ms"],
    ["0.4", "bytes"],
    ["5 apples", "bytes"],
    ["12", "ms"],
    ["0ms", "ms"],
    ["1e400x", "ms"],
    ["12ms", "macs"],
    ["2constructor", "bytes"],
  ] as const)('refuses "%s" in %s and says what to give', (text, unit) => {
    expect(() => parseLimit(text, unit)).toThrow("or a share of the original such as 0.5x");
  });
});

it("a share is of the original's figure", () => {
  expect(resolvedLimit({ share: 0.25 }, 400)).toBe(100);
  expect(resolvedLimit({ share: 0.25 }, undefined)).toBeUndefined();
  expect(resolvedLimit(7, 400)).toBe(7);
});

it("a limit of the library that limits nothing is refused by name", () => {
  expect(() => checkedLimit("--max-macs", { share: 0 }, "macs")).toThrow("--max-macs must be a whole number");
  expect(() => checkedLimit("--max-load-time", NaN, "ms")).toThrow("a number of milliseconds above 0");
  expect(checkedLimit("--max-load-time", 0.5, "ms")).toBe(0.5);
});
