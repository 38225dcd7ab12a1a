/** That layers, their biases and the nodes around codes are read in one place: no other file names them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Files outside the room that look at these nodes, with the reason; none of them reads a weight or a bias. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ["src/ops/operator-facts-data.ts", "what the operator takes, as data"],
  ["src/ops/shape-rules/elementwise.ts", "the shape that the operator makes"],
  ["src/passes/graph/foldable.ts", "which operators are left unfolded"],
  ["src/passes/graph/deduplicate-initializers.ts", "which constants onnxruntime wants apart"],
  ["src/verify/executed.ts", "counts what a file executes, whoever wrote it"],
  ["src/compress/level-repair.ts", "writes out zero points that a runtime's optimizer takes to be there"],
  ["src/passes/encode/load-stages.ts", "delays the folding of constants by rounds; codes no weight"],
  ["src/passes/encode/drop-stages.ts", "finds those delays again"],
  ["src/compress/output-sanity.ts", "whether a model has such nodes at all"],
]);

const sources = readdirSync("src", { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name).replaceAll("\\", "/"));

/** The code of a file without its comments. */
function codeOf(file: string): string {
  return readFileSync(file, "utf8").replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}

function filesWith(pattern: RegExp): string[] {
  return sources.filter((file) => pattern.test(codeOf(file)));
}

it("QuantizeLinear and DequantizeLinear are read and written by one file of the passes", () => {
  const named = filesWith(/"(Quantize|Dequantize|DynamicQuantize)Linear"|QuantizeLinear"\)/);
  expect(named.filter((file) => !OTHERS.has(file))).toEqual(["src/layers/coding.ts"]);
});

it("every exception is still one", () => {
  const named = filesWith(/QuantizeLinear/i);
  expect([...OTHERS.keys()].filter((file) => !named.includes(file))).toEqual([]);
});

it("a weight behind a DequantizeLinear becomes a layer in one file", () => {
  const readers = filesWith(/\bdequantization\(/);
  // Where it is defined, the weight, the bias, and the scales that an int8 layer's operands have.
  expect(readers).toEqual([
    "src/layers/bias-sites.ts",
    "src/layers/bias.ts",
    "src/layers/coded-operands.ts",
    "src/layers/coding.ts",
    "src/layers/kernel-weight.ts",
    "src/layers/layer.ts",
  ]);
});

it("no other file of the passes reads a bias", () => {
  const read = filesWith(/constant\([^)]*bias/i);
  expect(read.filter((file) => !file.startsWith("src/passes/graph/"))).toEqual([]);
});
