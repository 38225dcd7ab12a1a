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
  [
    "src/passes/encode/load-stages.ts",
    "lets constants of a large model wait for each other, and codes no value",
  ],
  ["src/passes/encode/drop-stages.ts", "takes out what load-stages.ts put in"],
  ["src/verify/executed.ts", "counts what a file executes, whoever wrote it"],
  ["src/compress/level-repair.ts", "writes out zero points that a runtime's optimizer takes to be there"],
  ["src/passes/encode/load-stages.ts", "delays the folding of constants by rounds; codes no weight"],
  ["src/passes/encode/drop-stages.ts", "finds those delays again"],
  ["src/calibration/exact-boundary.ts", "where a quantized model may be cut; reads no weight"],
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

it("no file outside the room looks behind a DequantizeLinear", () => {
  const readers = filesWith(/\bdequantization\(/);
  expect(readers.filter((file) => !file.startsWith("src/layers/"))).toEqual([]);
  expect(filesWith(/\bdecodedView\(/)).toEqual(["src/layers/layer.ts", "src/layers/weight-view.ts"]);
});

/**
 * Files outside the room with an input of number 2 or 3, where layers have their bias, and whose it is. None of
 * the operators is a layer. Facts about operators are data of src/ops.
 */
const LATER_INPUTS: ReadonlyMap<string, string> = new Map([
  ["src/compress/level-repair.ts", "zero points"],
  ["src/passes/graph/fuse/fuse-pad.ts", "the value and the axes of Pad"],
  ["src/passes/graph/remove-identities.ts", "the training mode of Dropout"],
  ["src/passes/graph/split-fused.ts", "all that FusedConv has in common with Conv is passed on"],
  ["src/passes/quantize/setup/absorbed-clamp.ts", "the upper bound of Clip"],
  ["src/passes/quantize/setup/islands.ts", "the upper bound of Clip"],
  ["src/passes/quantize/write/write-setup.ts", "weights, looked for among the inputs of LSTM and others"],
]);
const LATER =
  /inputs(?:\[[23]\]|\.at\([23]\)|\.slice\([0-3], ?[34]\)|\.slice\([23]\))|(?:setInput|setConstant|storedBias)\([^,)]*(?:,[^,)]*)?, ?[23]\b/;

it("no file outside the room knows which input of a layer is its bias", () => {
  const knowing = filesWith(LATER).filter((file) => !/^src\/(?:layers|ops)\//.test(file));
  expect(knowing.sort()).toEqual([...LATER_INPUTS.keys()]);
});

it.each([
  'node.inputs[2] ?? ""',
  "names = node.inputs.slice(2, 3)",
  "[, , bias] = node.inputs.slice(2)",
  "editor.setInput(node, 2, name)",
  "rewrite.setConstant(node, 2, tensor)",
  "storedBias(editor, node, 2)",
])("%s counts as knowing it", (code) => {
  expect(code).toMatch(LATER);
});

it("no other file reads a bias as a constant", () => {
  const readers = filesWith(/\bconstant\([^)]*[bB]ias/);
  expect(readers.filter((file) => !file.startsWith("src/layers/"))).toEqual([]);
});
