/** What `explain` says of models in which a fusion finds almost what it looks for. */
import { describe, expect, it } from "vitest";
import { attribute, floatTensor, int64Tensor, makeNode, type Node, type Tensor } from "../../src/ir/index.js";
import { optimize } from "../../src/compress/optimize.js";
import { reportText } from "../../src/report/terminal.js";
import { model } from "../support/feed-models.js";

const scalar = (name: string, value: number): Tensor => floatTensor(name, [], Float32Array.of(value));

/** Gelu of x with the factor given, under names of its own. */
function gelu(id: string, half = 0.5, x = "x"): { nodes: Node[]; constants: Tensor[] } {
  return {
    nodes: [
      makeNode("Div", [x, `${id}root`], [`${id}a`], [], `${id}Div`),
      makeNode("Erf", [`${id}a`], [`${id}b`], [], `${id}Erf`),
      makeNode("Add", [`${id}b`, `${id}one`], [`${id}c`], [], `${id}Add`),
      makeNode("Mul", [x, `${id}c`], [`${id}d`], [], `${id}Mul`),
      makeNode("Mul", [`${id}d`, `${id}half`], [`${id}y`], [], `${id}Mul_1`),
    ],
    constants: [scalar(`${id}root`, Math.SQRT2), scalar(`${id}one`, 1), scalar(`${id}half`, half)],
  };
}

async function told(nodes: Node[], constants: Tensor[], outputs = nodes.at(-1)!.outputs): Promise<string[]> {
  const network = model([2, 8], nodes, constants);
  network.graph.outputs = outputs.map((name) => ({ name }));
  const { report } = await optimize(network, { verify: false, explain: true });
  return (report.nearMisses ?? []).map(({ pass, node, reason }) => `${pass} ${node}: ${reason}`);
}

describe("near misses", () => {
  it("are none where everything is fused, and no part of a report that did not ask", async () => {
    const { nodes, constants } = gelu("");
    expect(await told(nodes, constants)).toEqual([]);
    const { report } = await optimize(model([2, 8], gelu("", 0.45).nodes, gelu("", 0.45).constants), {
      verify: false,
    });
    expect(report).not.toHaveProperty("nearMisses");
  });

  it("name a constant of another value", async () => {
    const { nodes, constants } = gelu("", 0.45);
    expect(await told(nodes, constants)).toEqual([
      'fuse-gelu Erf: the constant "half" is 0.45 where 0.5 is expected',
    ]);
  });

  it("name a value that is read elsewhere, or is an output", async () => {
    const { nodes, constants } = gelu("");
    const elsewhere = [...nodes, makeNode("Relu", ["c"], ["r"], [], "Relu")];
    expect(await told(elsewhere, constants, ["y", "r"])).toEqual(['fuse-gelu Erf: "c" has other uses']);
    expect(await told(nodes, constants, ["y", "d"])).toEqual([
      'fuse-gelu Erf: "d" is a graph output and must stay',
    ]);
  });

  it("name an operator set that has no such operator", async () => {
    const nodes = [
      makeNode("Mul", ["x", "x"], ["s"], [], "Square"),
      makeNode("ReduceMean", ["s"], ["m"], [attribute.ints("axes", [-1])], "Mean"),
      makeNode("Add", ["m", "e"], ["v"], [], "Add"),
      makeNode("Sqrt", ["v"], ["q"], [], "Sqrt"),
      makeNode("Div", ["x", "q"], ["y"], [], "Div"),
    ];
    expect(await told(nodes, [scalar("e", 1e-5)])).toEqual([
      "fuse-layer-norm Sqrt: operator set 17 has no RMSNormalization, which came with 23",
    ]);
  });

  it("name bounds of a Clip and borders that a convolution cannot have", async () => {
    const clip = [
      makeNode("Add", ["x", "three"], ["a"], [], "Add"),
      makeNode("Clip", ["a", "low", "high"], ["b"], [], "Clip"),
      makeNode("Mul", ["x", "b"], ["c"], [], "Mul"),
      makeNode("Div", ["c", "six"], ["y"], [], "Div"),
    ];
    const bounds = [scalar("three", 3), scalar("low", 0), scalar("high", 5), scalar("six", 6)];
    expect(await told(clip, bounds)).toEqual([
      "fuse-hard-swish Clip: it clips to [0, 5] where [0, 6] is expected",
    ]);
    const pad = [
      makeNode("Reshape", ["x", "image"], ["i"], [], "Reshape"),
      makeNode("Pad", ["i", "pads", "value"], ["p"], [], "Pad"),
      makeNode("Conv", ["p", "w"], ["y"], [], "Conv"),
    ];
    const weights = [
      int64Tensor("image", [1, 1, 4, 4]),
      int64Tensor("pads", [0, 0, 1, 1, 0, 0, 1, 1]),
      scalar("value", 1),
      floatTensor("w", [1, 1, 3, 3], new Float32Array(9).fill(0.1)),
    ];
    expect(await told(pad, weights)).toEqual(["fuse-pad Pad: Conv cannot pad with 1"]);
  });

  it("are silent where only the anchor is there", async () => {
    const nodes = [
      makeNode("Sigmoid", ["x"], ["s"], [], "Sigmoid"),
      makeNode("Relu", ["x"], ["r"], [], "Relu"),
      makeNode("Mul", ["s", "r"], ["y"], [], "Mul"),
    ];
    expect(await told(nodes, [])).toEqual([]);
  });

  it("are counted where they are many", async () => {
    const parts = Array.from({ length: 9 }, (_, k) => gelu(`n${k}_`, 0.45, `x${k}`));
    const network = model(
      [2, 8],
      [
        ...parts.map((_, k) => makeNode("Pow", ["x", `e${k}`], [`x${k}`])),
        ...parts.flatMap(({ nodes }) => nodes),
      ],
      [...parts.map((_, k) => scalar(`e${k}`, k + 2)), ...parts.flatMap(({ constants }) => constants)],
    );
    network.graph.outputs = parts.map((_, k) => ({ name: `n${k}_y` }));
    const { report } = await optimize(network, { verify: false, explain: true });
    expect(report.nearMisses).toHaveLength(9);
    const text = reportText(report, undefined, { explain: true });
    expect(text).toContain("fuse-gelu");
    expect(text).toContain("and more: fuse-gelu 4");
    expect(reportText(report)).not.toContain("nearly fused");
  });
});
