/** What fusions record of the nodes and constants that they take in. */
import { describe, expect, it } from "vitest";
import {
  floatTensor,
  makeNode,
  type Model,
  nodeLabel,
  removedBy,
  withDerivedNames,
} from "../../../../src/ir/index.js";
import { foldBatchNormalization } from "../../../../src/passes/graph/fold-batch-normalization.js";
import { fuseGelu } from "../../../../src/passes/graph/fuse/fuse-gelu.js";
import { fusePad } from "../../../../src/passes/graph/fuse/fuse-pad.js";
import { removeDead } from "../../../../src/passes/graph/remove-dead.js";
import { removeIdentities } from "../../../../src/passes/graph/remove-identities.js";
import type { PassFactory } from "../../../../src/passes/contract.js";
import { apply, tiny } from "../../../support/tiny-models.js";
import { floats } from "../../../support/running.js";
import { scalar, tensor } from "../../../support/prove.js";

type Exact = PassFactory<Record<string, never>>;

/** Labels of nodes and names of constants that the model still has of what came of the name. */
function leftOf(model: Model, name: string): string[] {
  const present = new Set([
    ...model.graph.nodes.map(nodeLabel),
    ...model.graph.initializers.map((t) => t.name),
  ]);
  return [...withDerivedNames(model, [name])].filter((each) => present.has(each));
}

async function after(pass: Exact, model: Model): Promise<Model> {
  await apply(pass(), model);
  return model;
}

describe("every node of a pattern", () => {
  it("goes on in the operator that is written, and so do its constants", async () => {
    const nodes = [
      makeNode("Div", ["x", "root"], ["a"], [], "/act/Div"),
      makeNode("Erf", ["a"], ["b"], [], "/act/Erf"),
      makeNode("Add", ["b", "one"], ["c"], [], "/act/Add"),
      makeNode("Mul", ["x", "c"], ["d"], [], "/act/Mul"),
      makeNode("Mul", ["d", "half"], ["y"], [], "/act/Mul_1"),
    ];
    const names = [...nodes.map(nodeLabel), "root", "one", "half"];
    const initializers = [scalar("root", Math.SQRT2), scalar("one", 1), scalar("half", 0.5)];
    const model = await after(fuseGelu, tiny(nodes, { initializers }));
    for (const name of names) expect(leftOf(model, name), name).toEqual(["y"]);
  });

  it("goes on in the layer that it is folded into", async () => {
    const nodes = [
      makeNode("Conv", ["x", "w"], ["c"], [], "conv"),
      makeNode("Mul", ["c", "s"], ["y"], [], "scale"),
    ];
    const initializers = [tensor("w", [3, 2, 1, 1]), tensor("s", [3, 1, 1])];
    const model = await after(
      foldBatchNormalization,
      tiny(nodes, { initializers, feed: { x: floats([1, 2, 4, 4]) } }),
    );
    expect(leftOf(model, "scale")).toEqual(["conv"]);
    expect(leftOf(model, "w").length).toBe(1);
  });

  it("goes on in the operator whose border it was", async () => {
    const nodes = [
      makeNode("Pad", ["x", "pads"], ["p"], [], "pad"),
      makeNode("Conv", ["p", "w"], ["y"], [], "conv"),
    ];
    const pads = { ...floatTensor("pads", [8], new Float32Array(8)), dataType: 7 };
    pads.raw = new Uint8Array(BigInt64Array.from([0n, 0n, 1n, 1n, 0n, 0n, 1n, 1n]).buffer);
    const model = await after(
      fusePad,
      tiny(nodes, { initializers: [pads, tensor("w", [3, 2, 3, 3])], feed: { x: floats([1, 2, 4, 4]) } }),
    );
    expect(leftOf(model, "pad")).toEqual(["conv"]);
  });
});

describe("a node of which nothing comes", () => {
  it("is recorded with the pass that took it out, whichever way the pass edits", async () => {
    const nodes = [
      makeNode("Neg", ["x"], ["dead"], [], "unused"),
      makeNode("Abs", ["x"], ["a"], [], "abs"),
      makeNode("Dropout", ["a"], ["b"], [], "drop"),
      makeNode("Relu", ["b"], ["y"], [], "relu"),
    ];
    const model = await after(removeDead, tiny(nodes));
    expect(removedBy(model, "unused")).toBe("remove-dead");
    await after(removeIdentities, model);
    expect(removedBy(model, "drop")).toBe("remove-identities");
    expect(removedBy(model, "relu")).toBeUndefined();
  });
});
