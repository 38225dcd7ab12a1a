/** Exact passes record what became of names that a user may have excluded. */
import { expect, it } from "vitest";
import {
  DataType,
  type FunctionDef,
  makeNode,
  type Model,
  tensorValue,
  withDerivedNames,
} from "../../../src/ir/index.js";
import { deduplicateInitializers } from "../../../src/passes/graph/deduplicate-initializers.js";
import { foldConstants } from "../../../src/passes/graph/fold-constants.js";
import { fuseMatMulAdd } from "../../../src/passes/graph/fuse/fuse-matmul-add.js";
import { mergeLayers } from "../../../src/passes/graph/fuse/merge-layers.js";
import { inlineFunctions } from "../../../src/passes/graph/inline-functions.js";
import { inlineIf } from "../../../src/passes/graph/inline-if.js";
import { mergeEqualNodes } from "../../../src/passes/graph/merge-equal-nodes.js";
import { removeIdentities } from "../../../src/passes/graph/remove-identities.js";
import type { Pass } from "../../../src/passes/contract.js";
import { tensor } from "../../support/prove.js";
import { CONTEXT } from "../../support/running.js";
import { branch, tiny } from "../../support/tiny-models.js";

/** A model, a name in it, and what that name stands for behind the pass. */
type Case = readonly [string, () => Pass, Model, string, readonly string[]];

const W = tensor("w", [3, 4], 1);
const FUNCTION: FunctionDef = {
  name: "Block",
  domain: "own",
  inputs: ["a"],
  outputs: ["r"],
  attributeNames: [],
  attributeDefaults: [],
  valueInfo: [],
  opsetImports: [{ domain: "", version: 17n }],
  nodes: [makeNode("Relu", ["a"], ["b"], [], "relu"), makeNode("Neg", ["b"], ["r"])],
};
const calling = (): Model => {
  const model = tiny([{ ...makeNode("Block", ["x"], ["y"], [], "call"), domain: "own" }]);
  return {
    ...model,
    functions: [FUNCTION],
    opsetImports: [...model.opsetImports, { domain: "own", version: 1n }],
  };
};
const branching = (): Model => {
  const body = (name: "then_branch" | "else_branch") =>
    branch(name, [makeNode("MatMul", ["x", "v"], ["z"], [], "product")], [tensor("v", [3, 4], 1)]);
  return tiny([makeNode("If", ["c"], ["y"], [body("then_branch"), body("else_branch")])], {
    initializers: [{ name: "c", dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(1) }],
  });
};
const layers = (): Model =>
  tiny([makeNode("MatMul", ["x", "w"], ["h"], [], "one"), makeNode("MatMul", ["h", "v"], ["y"], [], "two")], {
    initializers: [tensor("w", [3, 8], 1), tensor("v", [8, 2], 2)],
  });

const cases: readonly Case[] = [
  [
    "a constant that nodes compute another from",
    () => foldConstants(),
    tiny(
      [
        makeNode("Transpose", ["w"], ["t"]),
        makeNode("Neg", ["t"], ["n"]),
        makeNode("MatMul", ["x", "n"], ["y"]),
      ],
      { initializers: [tensor("w", [4, 3], 1)] },
    ),
    "w",
    ["w", "t", "n"],
  ],
  [
    "a copy of a constant",
    () => deduplicateInitializers(),
    tiny(
      [
        makeNode("MatMul", ["x", "w"], ["a"]),
        makeNode("MatMul", ["x", "v"], ["b"]),
        makeNode("Add", ["a", "b"], ["y"]),
      ],
      { initializers: [W, { ...W, name: "v" }] },
    ),
    "v",
    ["v", "w"],
  ],
  [
    "a node that computes what another does",
    () => mergeEqualNodes(),
    tiny(
      [
        makeNode("MatMul", ["x", "w"], ["a"], [], "one"),
        makeNode("MatMul", ["x", "w"], ["b"], [], "other"),
        makeNode("Add", ["a", "b"], ["y"]),
      ],
      { initializers: [W] },
    ),
    "other",
    ["other", "one"],
  ],
  [
    "a product without a name that takes an addend",
    () => fuseMatMulAdd(),
    tiny([makeNode("MatMul", ["x", "w"], ["p"]), makeNode("Add", ["p", "b"], ["y"], [], "sum")], {
      initializers: [W, tensor("b", [4], 2)],
    }),
    "p",
    ["p", "sum"],
  ],
  ["a layer that goes into the next", () => mergeLayers(), layers(), "one", ["one", "two"]],
  ["the weight of a layer that goes into the next", () => mergeLayers(), layers(), "w", ["w", "v_1"]],
  ["the weight of the next", () => mergeLayers(), layers(), "v", ["v", "v_1"]],
  ["the call of a function", () => inlineFunctions(), calling(), "call", ["call", "call/relu", "y"]],
  ["a node of a branch", () => inlineIf(), branching(), "product", ["product", "product_inlined"]],
  ["a constant of a branch", () => inlineIf(), branching(), "v", ["v", "v_inlined"]],
  [
    "a node that is known by its output",
    () => removeIdentities(),
    tiny([makeNode("MatMul", ["x", "w"], ["p"]), makeNode("Identity", ["p"], ["y"])], { initializers: [W] }),
    "p",
    ["p", "y"],
  ],
];

it.each(cases)("%s", async (_, pass, model, name, expected) => {
  model.graph.outputs = model.graph.outputs.map((output) => tensorValue(output.name, DataType.FLOAT));
  expect((await pass().run(model, CONTEXT)).modified).toBe(true);
  expect([...withDerivedNames(model, [name])]).toEqual(expected);
});
