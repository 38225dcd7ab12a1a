import { describe, expect, it } from "vitest";
import { clippedDiagnostic } from "../src/diagnostics.js";
import { BadDataError, BadModelError, EdgecError } from "../src/errors.js";
import { uniform } from "./numeric/seeded.js";

const ANY = ["a", "\u{1f600}", "ß", " ", "\n", "…", ":", "("];

/** Names of up to about a million characters, surrogate pairs among them. */
function name(next: () => number): string {
  const unit = Array.from({ length: 1 + Math.floor(9 * next()) }, () => ANY[Math.floor(ANY.length * next())]!).join("");
  return unit.repeat(1 + Math.floor(10 ** (5 * next())));
}

describe("messages", () => {
  it("stay short whatever the names in them, tell how long those are, and break no character", () => {
    const next = uniform(11);
    for (let trial = 0; trial < 200; trial++) {
      const [first, second] = [name(next), name(next)];
      const plain = `node "${first}" has no input "${second}"; mend it`;
      for (const { message } of [new EdgecError("BAD_DATA", plain), new BadModelError(plain), new BadDataError(plain), clippedDiagnostic({ id: "x", severity: "warning", message: plain })]) {
        expect(message.length).toBeLessThan(600);
        expect(message).not.toMatch(/\p{Cs}/u);
        for (const each of [first, second]) expect(message).toContain(each.length > 200 ? `(${each.length} characters in all)` : `"${each}"`);
        expect(message).toMatch(/; mend it$/);
      }
    }
  });

  it("are as they were where all names are of a length that names have", () => {
    const text = `tensor "${"n".repeat(200)}" is no weight of "${"m".repeat(150)}"`;
    expect(new EdgecError("USAGE", text).message).toBe(text);
  });

  it("are cut as a whole where something long stands outside of quotes", () => {
    expect(new EdgecError("USAGE", "x".repeat(1_000_000)).message).toBe(`${"x".repeat(4000)}… (1000000 characters in all)`);
    expect(new EdgecError("USAGE", "\"".repeat(1_000_001)).message.length).toBeLessThan(4100);
  });

  it("cut the subject of a diagnostic as well", () => {
    expect(clippedDiagnostic({ id: "x", severity: "info", message: "m", subject: "s".repeat(9000) }).subject).toHaveLength(4000 + "… (9000 characters in all)".length);
  });
});
