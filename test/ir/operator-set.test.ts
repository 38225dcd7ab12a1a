/** The standard operator set has two names, and nothing treats them differently. One file knows that. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  domainName,
  isStandard,
  makeNode,
  operatorName,
  opsetVersion,
  setOpsetVersion,
  standardDomain,
  type OpsetImport,
} from "../../src/ir/index.js";

describe("the standard operator set", () => {
  it.each([undefined, "", "ai.onnx"])("is meant by %j", (domain) => {
    expect(standardDomain(domain)).toBe("");
    expect(domainName(domain)).toBe("ai.onnx");
    expect(operatorName({ domain, opType: "Conv" })).toBe("Conv");
    expect(isStandard({ ...makeNode("Conv", [], []), ...(domain === undefined ? {} : { domain }) })).toBe(
      true,
    );
  });

  it("is none of the others", () => {
    for (const domain of ["ai.onnx.ml", "com.microsoft", "ai", "AI.ONNX"]) {
      expect([standardDomain(domain), domainName(domain)]).toEqual([domain, domain]);
      expect(operatorName({ domain, opType: "Op" })).toBe(`${domain}.Op`);
      expect(isStandard({ ...makeNode("Op", [], []), domain })).toBe(false);
    }
  });

  it.each(["", "ai.onnx"])("is found and set under both names, here %j", (asked) => {
    for (const domain of [undefined, "", "ai.onnx"]) {
      const own: OpsetImport = { version: 13n, ...(domain === undefined ? {} : { domain }) };
      const model = { opsetImports: [{ domain: "ai.onnx.ml", version: 3n }, own] };
      expect(opsetVersion(model, asked)).toBe(13);
      setOpsetVersion(model, 17, asked);
      expect(model.opsetImports).toEqual([
        { domain: "ai.onnx.ml", version: 3n },
        { ...own, version: 17n },
      ]);
    }
  });

  it("has its names in one file", () => {
    const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    );
    const naming = files.filter((name) => readFileSync(join("src", name), "utf8").includes('"ai.onnx"'));
    expect(naming.map((name) => name.replaceAll("\\", "/"))).toEqual(["ir/operator-set.ts"]);
  });
});
