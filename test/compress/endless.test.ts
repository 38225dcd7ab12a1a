import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  int64Tensor,
  makeNode,
  tensorValue,
  type Model,
} from "../../src/ir/index.js";
import { compress } from "../../src/compress/compress.js";

/** Squares x `trips` times. */
function squaring(trips: bigint): Model {
  const body = {
    ...emptyGraph("body"),
    inputs: [
      tensorValue("i", DataType.INT64, []),
      tensorValue("go", DataType.BOOL, []),
      tensorValue("before", DataType.FLOAT, [1]),
    ],
    nodes: [makeNode("Identity", ["go"], ["goes"]), makeNode("Mul", ["before", "before"], ["after"])],
    outputs: [tensorValue("goes", DataType.BOOL, []), tensorValue("after", DataType.FLOAT, [1])],
  };
  const count = {
    ...int64Tensor("count", []),
    dims: [],
    raw: new Uint8Array(BigInt64Array.of(trips).buffer),
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      inputs: [tensorValue("x", DataType.FLOAT, [1])],
      outputs: [tensorValue("y", DataType.FLOAT, [1])],
      initializers: [count],
      nodes: [makeNode("Loop", ["count", "", "x"], ["y"], [attribute.graph("body", body)], "loop")],
    },
  };
}

describe("a model on random inputs", () => {
  it("that never ends is loaded and not compared, and a warning says why", async () => {
    const { report } = await compress(squaring(2n ** 62n), { trialSeconds: 0.5 });
    expect(report.fidelity).toBeNull();
    expect(report.executed).not.toBeNull();
    expect(report.warnings.find(({ id }) => id === "compress/no-data")?.message).toMatch(
      /not compared, because the original takes more than 0.5 s on random inputs.*Give data/,
    );
  });

  it("that ends is compared", async () => {
    const { report } = await compress(squaring(3n), {});
    expect(report.fidelity?.samples).toBeGreaterThan(0);
    expect(report.warnings.filter(({ id }) => id === "compress/no-data")).toEqual([]);
  });
});
