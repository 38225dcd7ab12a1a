import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
} from "../../../src/ir/index.js";
import { liftConstants } from "../../../src/passes/graph/lift-constants.js";
import { difference, run } from "../../support/running.js";
import { apply, branch, FLAG, shown, tiny, X } from "../../support/tiny-models.js";

const constant = (output: string, value: Parameters<typeof makeNode>[3]) =>
  makeNode("Constant", [], [output], value);
const ROW = floatTensor("", [3], Float32Array.of(1, 2, 3));

it("makes an initializer of a Constant", async () => {
  const model = tiny([constant("w", [attribute.tensor("value", ROW)]), makeNode("Add", ["x", "w"], ["y"])]);
  const before = await run(model, X);
  expect((await apply(liftConstants(), model)).stats).toEqual({ constantsLifted: 1, defaultsFrozen: 0 });
  expect(shown(model)).toEqual(["const %w: f32[3] = [1, 2, 3]", "%y = Add(%x, %w)"]);
  expect(difference(before, await run(model, X))).toBe(0);
});

it.each([
  ["value_float", attribute.float("value_float", 0.5), DataType.FLOAT, []],
  ["value_floats", attribute.floats("value_floats", [1, 2]), DataType.FLOAT, [2]],
  ["value_int", attribute.int("value_int", 2n ** 60n), DataType.INT64, []],
  ["value_ints", attribute.ints("value_ints", [3, 4]), DataType.INT64, [2]],
  ["value_string", attribute.string("value_string", "hello"), DataType.STRING, []],
])("takes %s", async (_, value, dataType, dims) => {
  const nodes = () => [constant("c", [value]), makeNode("Identity", ["c"], ["y"])];
  const model = tiny(nodes(), { feed: {} });
  const before = await run(tiny(nodes(), { feed: {} }), {});
  await apply(liftConstants(), model);
  expect(model.graph.initializers).toMatchObject([{ name: "c", dataType, dims }]);
  expect(difference(before, await run(model, {}))).toBe(0);
});

it("lifts in the bodies of If", async () => {
  const body = (name: "then_branch" | "else_branch") =>
    branch(name, [
      constant(`${name}_w`, [attribute.tensor("value", ROW)]),
      makeNode("Add", ["x", `${name}_w`], [`${name}_y`]),
    ]);
  const model = tiny([makeNode("If", ["c"], ["y"], [body("then_branch"), body("else_branch")])], {
    feed: { ...FLAG, ...X },
  });
  expect((await apply(liftConstants(), model)).stats.constantsLifted).toBe(2);
});

it(
  "raises IR version 3 for constants of a body alone, since onnxruntime wants them " +
    "listed as inputs before 4",
  async () => {
    const body = (name: "then_branch" | "else_branch") =>
      branch(name, [
        constant(`${name}_w`, [attribute.tensor("value", ROW)]),
        makeNode("Add", ["x", `${name}_w`], [`${name}_y`]),
      ]);
    const model = tiny([makeNode("If", ["c"], ["y"], [body("then_branch"), body("else_branch")])], {
      feed: { ...FLAG, ...X },
    });
    model.irVersion = 3n;
    const before = await run(model, { ...FLAG, ...X });
    await apply(liftConstants(), model);
    expect(difference(before, await run(model, { ...FLAG, ...X }))).toBe(0);
    expect(model.irVersion).toBe(4n);
  },
);

it("leaves a Constant that makes an output", async () => {
  const model = tiny([constant("y", [attribute.tensor("value", ROW)])], { feed: {} });
  expect((await apply(liftConstants(), model)).modified).toBe(false);
});

it("takes the constants of a model of IR version 3 from its inputs and raises the version", async () => {
  const model = tiny([makeNode("Add", ["x", "w"], ["y"])], {
    initializers: [{ ...ROW, name: "w" }],
    opset: 8,
  });
  model.irVersion = 3n;
  model.graph.inputs.push(tensorValue("w", DataType.FLOAT, [3]));
  expect((await apply(liftConstants(), model)).modified).toBe(true);
  expect([model.irVersion, model.graph.inputs.map((input) => input.name)]).toEqual([4n, ["x"]]);
});

it("leaves a model of IR version 3 without constants as it is", async () => {
  const model = tiny([makeNode("Relu", ["x"], ["y"])], { opset: 8 });
  model.irVersion = 3n;
  expect([(await apply(liftConstants(), model)).modified, model.irVersion]).toEqual([false, 3n]);
});

it("leaves defaults that callers may override, and says so", async () => {
  const overridable = () => {
    const model = tiny([makeNode("Reshape", ["x", "s"], ["y"])], { initializers: [int64Tensor("s", [6])] });
    model.graph.inputs.push(tensorValue("s", DataType.INT64, [1]));
    return model;
  };
  const kept = await apply(liftConstants(), overridable());
  expect([kept.modified, kept.diagnostics.map((d) => d.id)]).toEqual([false, ["lift-constants/overridable"]]);
  const frozen = overridable();
  expect((await apply(liftConstants({ freezeDefaults: true }), frozen)).stats.defaultsFrozen).toBe(1);
  expect(frozen.graph.inputs.map((input) => input.name)).toEqual(["x"]);
});
