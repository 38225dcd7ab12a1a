import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  integerTensor,
  makeNode,
  tensorValue,
  type Graph,
} from "../../src/ir/index.js";
import { readModel } from "../../src/onnx/index.js";
import { compareAcross, randomFeeds, type Across, type AcrossOptions } from "../../src/verify/index.js";
import { tinyBytes } from "../support/declared-models.js";

const LENET = "fixtures/models/lenet.onnx";
const folder = mkdtempSync(join(tmpdir(), "edgec-across-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(model: string, options: AcrossOptions = {}): Promise<Across> {
  return compareAcross({ model, data: randomFeeds(readModel(model).graph.inputs), ...options });
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const places = ({ combinations }: Across): string[] =>
  combinations.map(({ runtime, level, status }) => `${runtime} ${level}: ${status}`);

test("a float model gives the same outputs in both runtimes and at all levels, except for rounding", async () => {
  const across = await run(LENET, { samples: 3 });
  expect(across).toMatchObject({ samples: 3, source: "random inputs (seed 0)" });
  expect(places(across)).toEqual([
    "onnxruntime-node all: reference",
    "onnxruntime-node basic: compared",
    "onnxruntime-node disabled: compared",
    "onnxruntime-web all: compared",
    "onnxruntime-web basic: compared",
    "onnxruntime-web disabled: compared",
  ]);
  for (const { sqnrDb, flipped, version } of across.combinations.slice(1)) {
    expect(sqnrDb ?? Infinity).toBeGreaterThan(100);
    expect([flipped, version]).toEqual([0, expect.stringMatching(/^1\./)]);
  }
});

test(
  "what differs is measured: two uniform draws have an SQNR of 10 log10 of 1/3 over " +
    "1/6, and another top class in 9 of 10 rows",
  async () => {
    const model = write(
      "random.onnx",
      tinyBytes(
        // A sum may hold class scores, as that of a last layer does.
        [
          makeNode("RandomUniformLike", ["x"], ["random"]),
          makeNode("Sub", ["x", "x"], ["zero"]),
          makeNode("Add", ["random", "zero"], ["y"]),
        ],
        { x: [DataType.FLOAT, [1000, 10]] },
        { y: [DataType.FLOAT, [1000, 10]] },
      ),
    );
    const across = await run(model, { runtimes: ["web"], levels: ["basic"] });
    expect(places(across)).toEqual(["onnxruntime-node all: reference", "onnxruntime-web basic: compared"]);
    const [, { sqnrDb, flipped, maxAbsError, outputs } = across.combinations[0]!] = across.combinations;
    expect(Math.abs(sqnrDb! - 10 * Math.log10(2))).toBeLessThan(0.2);
    expect(Math.abs(flipped! - 0.9)).toBeLessThan(0.03);
    expect(maxAbsError).toBeGreaterThan(0.9);
    expect(outputs.y?.pooledSqnrDb).toBe(sqnrDb);
  },
);

test("a level that refuses the model says why, and the others are compared", async () => {
  const across = await run(write("branches.onnx", constantBranch()), { runtimes: ["node"] });
  expect(places(across)).toEqual([
    "onnxruntime-node all: reference",
    "onnxruntime-node basic: compared",
    "onnxruntime-node disabled: refused",
  ]);
  expect(across.combinations[2]?.message).toMatch(
    /^onnxruntime cannot load the model: Could not find an implementation for Erf/,
  );
  expect(across.combinations[1]).toMatchObject({
    sqnrDb: null,
    maxAbsError: 0,
    flipped: null,
    message: null,
  });
});

test("there is no reference if nothing runs the model", async () => {
  const model = write(
    "unknown.onnx",
    tinyBytes(
      [makeNode("NoSuchOperator", ["x"], ["y"])],
      { x: [DataType.FLOAT, [1]] },
      { y: [DataType.FLOAT, [1]] },
    ),
  );
  const across = await run(model, { levels: ["all"] });
  expect(places(across)).toEqual(["onnxruntime-node all: refused", "onnxruntime-web all: refused"]);
  expect(across.samples).toBe(0);
});

/**
 * An If whose condition is a constant: onnxruntime drops the branch it has no kernel for, unless it must
 * not optimize.
 */
function constantBranch(): Uint8Array {
  const body = (operator: string): Graph => ({
    ...emptyGraph(operator),
    nodes: [makeNode(operator, ["x"], [`${operator}_y`])],
    outputs: [tensorValue(`${operator}_y`, DataType.DOUBLE, [2])],
  });
  const branches = makeNode(
    "If",
    ["always"],
    ["y"],
    [attribute.graph("then_branch", body("Relu")), attribute.graph("else_branch", body("Erf"))],
  );
  return tinyBytes([branches], { x: [DataType.DOUBLE, [2]] }, { y: [DataType.DOUBLE, [2]] }, [
    integerTensor("always", [], DataType.BOOL, Uint8Array.of(1)),
  ]);
}
