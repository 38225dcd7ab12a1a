import { describe, expect, it } from "vitest";
import { bytesText, plural, ratioText, significant } from "../../src/report/units.js";

describe("units", () => {
  it.each([[0, "0 B"], [999, "999 B"], [1000, "1.00 kB"], [999_600, "1.00 MB"], [2_712_933, "2.71 MB"], [5e12, "5000 GB"]])("%d bytes are %s", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it("keeps three significant digits without an exponent", () => {
    expect([significant(123.4), significant(0.012345), significant(1234.5), significant(0)]).toEqual(["123", "0.0123", "1235", "0"]);
    expect(ratioText(3.8567)).toBe("3.86×");
  });

  it("speaks in the right number", () => {
    expect([plural(1, "node"), plural(2, "node")]).toEqual(["1 node", "2 nodes"]);
  });
});
