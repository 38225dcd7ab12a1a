import { describe, expect, it } from "vitest";
import {
  bytesText,
  countText,
  plural,
  printable,
  printableLines,
  ratioText,
  significant,
} from "../src/units.js";

describe("units", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [999_600, "1.00 MB"],
    [2_712_933, "2.71 MB"],
    [5e12, "5000 GB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it("keeps three significant digits without an exponent", () => {
    expect([significant(123.4), significant(0.012345), significant(1234.5), significant(0)]).toEqual([
      "123",
      "0.0123",
      "1235",
      "0",
    ]);
    expect(ratioText(3.8567)).toBe("3.86×");
  });

  it("uses singular and plural", () => {
    expect([plural(1, "node"), plural(2, "node")]).toEqual(["1 node", "2 nodes"]);
  });

  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1.00 k"],
    [651_720, "652 k"],
    [4_100_000_000, "4.10 G"],
  ])("counts %d as %s", (count, text) => {
    expect(countText(count)).toBe(text);
  });
});

describe("text from a file", () => {
  it.each([
    ["an escape sequence", "a\x1b[31mb", "a\\x1b[31mb"],
    ["a line's end", "a\r\nb", "a\\x0d\\x0ab"],
    ["what turns the direction of writing", "a\u202eb", "a\\u{202e}b"],
    ["a control character beyond ASCII", "\u009b2J", "\\x9b2J"],
    ["half of a pair", "\ud800", "\\u{d800}"],
    ["letters of any script as they are", "é 漢 😀", "é 漢 😀"],
  ])("shows %s", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("keeps the lines of a stack", () => {
    expect(printableLines("Error: \x07\n    at f")).toBe("Error: \\x07\n    at f");
  });
});
