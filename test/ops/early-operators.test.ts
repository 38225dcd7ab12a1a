/** Operators of sets 1 to 6, which onnxruntime does not run: raised, they give what their definitions say. */
import { readFileSync } from "node:fs";
import { expect, describe, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  type Attribute,
  type Feed,
  type Tensor,
  type TensorValue,
} from "../../src/ir/index.js";
import { assertValid } from "../../src/ir/validate.js";
import { checkOperators } from "../../src/ops/check-operators.js";
import { upgradeOpset } from "../../src/ops/upgrade/upgrade-opset.js";
import { difference, floats, run } from "../support/running.js";
import { modelAt } from "../support/old-models.js";

interface Packed {
  readonly type: "FLOAT" | "INT32" | "INT64" | "BOOL";
  readonly dims: number[];
  readonly data: number[];
}
interface AttributeValue {
  readonly int?: number;
  readonly float?: number;
  readonly ints?: number[];
  readonly string?: string;
}
interface Case {
  readonly what: string;
  readonly opset: number;
  readonly operator: string;
  readonly inputs: string[];
  readonly constants: string[];
  readonly outputs: string[];
  readonly attributes: Record<string, AttributeValue>;
  readonly values: Record<string, Packed>;
}

/** Made by fixtures/make/early_operators.py. */
const CASES = JSON.parse(
  readFileSync(new URL("../../fixtures/conformance/early-operators.json", import.meta.url), "utf8"),
) as Case[];

const ARRAYS = { FLOAT: Float32Array, INT32: Int32Array, BOOL: Uint8Array } as const;

function valueOf({ type, dims, data }: Packed): TensorValue {
  return {
    dataType: DataType[type],
    dims,
    data: type === "INT64" ? BigInt64Array.from(data, BigInt) : ARRAYS[type].from(data),
  };
}

function attributeOf([name, { int, float, ints, string = "" }]: [string, AttributeValue]): Attribute {
  if (int !== undefined) return attribute.int(name, int);
  if (float !== undefined) return attribute.float(name, float);
  return ints ? attribute.ints(name, ints) : attribute.string(name, string);
}

function named(values: Case["values"], names: readonly string[]): Feed {
  return Object.fromEntries(names.map((name) => [name, valueOf(values[name]!)]));
}

function tensorOf(name: string, { dataType, dims, data }: TensorValue): Tensor {
  return integerTensor(name, dims, dataType, data as Float32Array);
}

describe.each([7, 13, 21])("raised to operator set %i", (target) => {
  it.each(CASES)(
    "$what (version $opset)",
    async ({ opset, operator, inputs, constants, outputs, attributes, values }) => {
      const feed = named(
        values,
        inputs.filter((name) => !constants.includes(name)),
      );
      const node = makeNode(operator, inputs, outputs, Object.entries(attributes).map(attributeOf));
      const model = modelAt(
        opset,
        [node],
        feed,
        outputs,
        Object.entries(named(values, constants)).map(([name, value]) => tensorOf(name, value)),
      );
      expect(checkOperators(model)).toEqual([]);
      expect(upgradeOpset(model, target)).toEqual({ upgraded: true, blockers: [] });
      assertValid(model, "raised");
      expect(checkOperators(model)).toEqual([]);
      expect(difference(named(values, outputs), await run(model, feed))).toBeLessThan(2e-6);
    },
  );
});

describe("what cannot be raised", () => {
  const { int, ints } = attribute;
  const X = { x: floats([2, 3, 4, 5]) };
  const one = floatTensor("c", [3], Float32Array.of(1, 2, 3));
  const reason = (opset: number, ...parts: Parameters<typeof makeNode>): string | undefined => {
    const { blockers } = upgradeOpset(
      modelAt(opset, [makeNode(...parts)], { ...X, s: { ...floats([3]) } }, ["y"], [one]),
      13,
    );
    return blockers[0]?.reason;
  };

  it.each([
    ["Dropout", ["x"]],
    ["BatchNormalization", ["x", "c", "c", "c", "c"]],
  ])("%s in training mode, which is the default", (operator, inputs) => {
    expect(reason(6, operator, inputs, ["y"])).toContain("training mode (is_test = 0)");
    expect(reason(6, operator, inputs, ["y"], [int("is_test", 1)])).toBeUndefined();
  });

  it("an output that is filled in training mode only", () => {
    const model = modelAt(6, [makeNode("Dropout", ["x"], ["y", "mask"], [int("is_test", 1)])], X, [
      "y",
      "mask",
    ]);
    expect(upgradeOpset(model, 13).blockers[0]?.reason).toContain("filled in training mode only");
  });

  it("operands whose number of axes is not known, where the axis depends on it", () => {
    const model = modelAt(
      6,
      [
        makeNode("Mystery", ["x"], ["m"]),
        makeNode("Add", ["m", "c"], ["y"], [int("axis", 1), int("broadcast", 1)]),
      ],
      X,
      ["y"],
      [one],
    );
    expect(upgradeOpset(model, 13).blockers[0]?.reason).toContain("axis = 1 depends on it");
  });

  it("an operand that does not fit", () => {
    expect(reason(6, "Add", ["x", "c"], ["y"], [int("axis", 7), int("broadcast", 1)])).toContain(
      "does not fit the first from axis 7",
    );
  });

  it.each([
    ["Pad", [ints("paddings", [0, 0, 0, 0, 0, 0, 0, 0])], "order of its paddings"],
    ["LpPool", [attribute.float("p", 1.5)], "p = 1.5"],
  ] as const)("%s of version 1 where nobody can tell what it meant", (operator, attributes, words) => {
    expect(reason(1, operator, ["x"], ["y"], attributes)).toContain(words);
  });

  it.each([
    ["Tile", ["x", "s", "s"]],
    ["Split", ["x", "s"]],
  ])("%s by computed numbers", (operator, inputs) => {
    expect(reason(1, operator, inputs, ["y"])).toMatch(/before it runs|computed/);
  });

  it("a Cast to what is no type", () => {
    expect(reason(5, "Cast", ["x"], ["y"], [attribute.string("to", "QUAD")])).toContain('"QUAD"');
  });
});

it("calls bilinear Upsample by its later name", () => {
  const { float, string } = attribute;
  const model = modelAt(
    6,
    [
      makeNode(
        "Upsample",
        ["x"],
        ["y"],
        [float("height_scale", 2), float("width_scale", 1), string("mode", "bilinear")],
      ),
    ],
    { x: floats([1, 1, 2, 2]) },
  );
  expect(upgradeOpset(model, 7).upgraded).toBe(true);
  expect(model.graph.nodes[0]?.attributes).toEqual([
    string("mode", "linear"),
    attribute.floats("scales", [1, 1, 2, 1]),
  ]);
});
