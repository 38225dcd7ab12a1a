import { describe, expect, it } from "vitest";
import { reportMarkdown } from "../../src/report/formats/markdown.js";
import { ACROSS, SAMPLE } from "../support/sample-report.js";

describe("reportMarkdown", () => {
  it("is a table of before and after, then details", () => {
    expect(reportMarkdown(SAMPLE).split("\n").slice(0, 6)).toEqual([
      "# model.edgec.onnx",
      "",
      "|  | before | after | change |",
      "|---|---|---|---|",
      "| size | 2.71 MB | 705 kB | 3.85× smaller |",
      "| size, gzip | 2.50 MB | 600 kB | 4.17× smaller |",
    ]);
  });

  it("has a table of runtimes and levels where they were compared", () => {
    expect(reportMarkdown({ ...SAMPLE, across: ACROSS })).toContain(
      "| onnxruntime-node 1.30.0 | disabled | 58.1 dB | 0.0464 | 3.1 % |",
    );
    expect(reportMarkdown(SAMPLE)).not.toContain("Across");
  });

  it("says first that much was lost", () => {
    const warnings = [
      { id: "compare/much-lost", severity: "warning" as const, message: 'Much was lost: output "a|b".' },
      ...SAMPLE.warnings,
    ];
    expect(
      reportMarkdown({ ...SAMPLE, warnings })
        .split("\n")
        .slice(0, 5),
    ).toEqual([
      "# model.edgec.onnx",
      "",
      '> **Warning:** Much was lost: output "a\\|b".',
      "",
      "|  | before | after | change |",
    ]);
    expect(reportMarkdown({ ...SAMPLE, warnings })).toContain("## Warnings\n\n- something to know\n");
  });

  it("keeps markup in names from the file as text", () => {
    const nodes = [{ pass: "p", name: "a|b<img>", opType: "Conv", status: "kept" as const, reason: "r" }];
    expect(reportMarkdown({ ...SAMPLE, nodes })).toContain("a\\|b\\<img\\>");
  });
});
