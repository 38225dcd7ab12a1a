import { describe, expect, it } from "vitest";
import { workLimit } from "../../src/cli/limit-flags.js";

describe("a limit", () => {
  it.each([
    ["10s,256MB", { seconds: 10, bytes: 256e6 }], ["2GB", { bytes: 2e9 }], ["5m", { seconds: 300 }], ["1 GiB, 1.5s", { bytes: 2 ** 30, seconds: 1.5 }],
  ])("takes %s", (text, limit) => {
    expect(workLimit(text)).toEqual(limit);
  });

  it.each(["", "10", "10s,20s", "fast", "10s,", "1MB,2MB"])('refuses "%s"', (text) => {
    expect(() => workLimit(text)).toThrow("It takes a time, a size or both, such as 60s, 2GB or 60s,2GB.");
  });
});
