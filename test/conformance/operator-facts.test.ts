/**
 * Nodes bent in the ways that exporters and passes bend them. What edgec calls a fault, onnxruntime must
 * refuse as well: nothing that runs may be turned away.
 */
import { expect, it } from "vitest";
import {
  attribute,
  AttributeType,
  DataType,
  int64Tensor,
  type Attribute,
  type Model,
  type Node,
} from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { checkOperators, undescribedOperators } from "../../src/ops/check-operators.js";
import { openRemote } from "../../src/runtime/index.js";
import { operatorTests } from "../support/operator-archive.js";

// onnxruntime loads models of operator sets that are not final only on request. Must be set before it is
// loaded.
process.env.ALLOW_RELEASED_ONNX_OPSET_ONLY = "0";

it("finds nothing wrong with any operator model, and describes them all", () => {
  const models = operatorTests().map(({ name, model }) => ({ name, model: decodeModel(model) }));
  expect(
    models.flatMap(({ name, model }) => checkOperators(model).map(({ message }) => `${name}: ${message}`)),
  ).toEqual([]);
  expect(models.filter(({ model }) => undescribedOperators(model).size > 0).map(({ name }) => name)).toEqual(
    [],
  );
});

type Bend = (node: Node, model: Model) => unknown;

const BENDS: Readonly<Record<string, Bend>> = {
  "an input more": (node) => node.inputs.push(node.inputs[0] ?? "x"),
  "an input less": (node) => node.inputs.pop(),
  "an input left out": (node) => (node.inputs[0] = ""),
  "an output more": (node) => node.outputs.push("one_more"),
  "an unknown attribute": (node) => node.attributes.push(attribute.int("consumed_inputs", 1)),
  "attributes of another kind": (node) => (node.attributes = node.attributes.map(otherKind)),
  "an attribute less": (node) => node.attributes.pop(),
  "an input of another type": (node, { graph }) => {
    const name = node.inputs.at(-1) ?? "";
    graph.inputs = graph.inputs.map((input) =>
      input.name === name ? { name, type: { tensor: { elementType: DataType.DOUBLE } } } : input,
    );
  },
  "an output declared as another type": (_, { graph }) =>
    (graph.outputs = graph.outputs.map(({ name }) => ({
      name,
      type: { tensor: { elementType: DataType.COMPLEX64 } },
    }))),
};

function otherKind(given: Attribute): Attribute {
  return given.type === AttributeType.INT
    ? attribute.float(given.name, 1)
    : attribute.tensor(given.name, int64Tensor("", [1]));
}

it("calls nothing a fault that onnxruntime loads", async () => {
  // In a process of its own: bent models bring onnxruntime down now and then.
  let runtime = await openRemote();
  const refuses = async (model: Model): Promise<boolean> => {
    try {
      await (await runtime.open(encodeModelBytes(model), { optimization: "disabled" })).release();
      return false;
    } catch {
      if (runtime.pid === undefined) runtime = await openRemote();
      return true;
    }
  };
  const wrong: string[] = [];
  const found = Object.fromEntries(Object.keys(BENDS).map((name) => [name, 0]));
  const seen = new Set<string>();
  for (const test of operatorTests()) {
    const original = decodeModel(test.model);
    const [node] = original.graph.nodes;
    const key = `${node?.opType ?? ""} ${node?.inputs.length ?? 0} ${String(original.opsetImports[0]?.version)}`;
    if (original.graph.nodes.length !== 1 || seen.has(key) || (await refuses(original))) continue;
    seen.add(key);
    for (const [name, bend] of Object.entries(BENDS)) {
      const model = decodeModel(test.model);
      bend(model.graph.nodes[0]!, model);
      const [problem] = checkOperators(model);
      if (!problem) continue;
      found[name]!++;
      if (!(await refuses(model))) wrong.push(`${test.name}, ${name}: ${problem.message}`);
    }
  }
  await runtime.close();
  expect(wrong).toEqual([]);
  for (const [name, count] of Object.entries(found)) expect(count, name).toBeGreaterThan(10);
});
