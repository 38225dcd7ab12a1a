import { describe, expect, it } from "vitest";
import { byteCount, words } from "../../src/cli/option-values.js";

describe("byteCount", () => {
  it.each([
    ["705000", 705_000],
    ["2MB", 2_000_000],
    ["1.5 MiB", 1_572_864],
    ["500kb", 500_000],
    ["1 GB", 1e9],
    ["0.0015kB", 1],
  ])("takes %s as %d bytes", (text, bytes) => {
    expect(byteCount(text)).toBe(bytes);
  });

  it.each(["", "0", "-1", "MB", "2 apples", "1e99", "1,5MB", "0x10"])('refuses "%s"', (text) => {
    expect(() => byteCount(text)).toThrow("Give a size such as 705000, 2MB or 1.5MiB.");
  });
});

describe("words", () => {
  it("splits a list at commas", () => {
    expect(words("node, web,")).toEqual(["node", "web"]);
    expect(words(" ")).toEqual([]);
  });
});
