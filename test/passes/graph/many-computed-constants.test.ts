/** Work on constants that nodes compute grows with their number: no walk over all of them for each of them. */
import { describe, expect, it } from "vitest";
import {
  attribute,
  copyModel,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  type Graph,
  type Model,
} from "../../../src/ir/index.js";
import { findPass } from "../../../src/plan/registry.js";
import { describeExecuted } from "../../../src/verify/executed.js";
import { bareModel } from "../../support/bare-model.js";
import { countedWork } from "../../support/counted-work.js";

const FEW = 150;
const TIMES = 4;
/** Four times the parts may take a little more than four times the work. */
const MOST = 5;
const SIZE = 64;

const times = <T>(n: number, make: (k: number) => T): T[] => Array.from({ length: n }, (_, k) => make(k));
const value = (name: string) => tensorValue(name, DataType.FLOAT, [SIZE]);
const codes = (name: string, first: number) =>
  integerTensor(
    name,
    [SIZE],
    DataType.INT8,
    Int8Array.from({ length: SIZE }, (_, i) => (i * first) % 100),
  );
const scale = (name: string, k: number) => floatTensor(name, [], Float32Array.of(1 / (k + 1)));
const toFloat = attribute.int("to", DataType.FLOAT);
const graph = (parts: Partial<Graph>): Model =>
  bareModel({ inputs: [value("x")], outputs: [value("y")], ...parts });

const MANY: Readonly<Record<string, (n: number) => Model>> = {
  // x → Add(Cast(codes) * scale) → Add(…) → y
  "constants behind Cast and Mul": (n) =>
    graph({
      nodes: times(n, (k) => [
        makeNode("Cast", [`q${k}`], [`c${k}`], [toFloat]),
        makeNode("Mul", [`c${k}`, `s${k}`], [`w${k}`]),
        makeNode("Add", [k === 0 ? "x" : `v${k - 1}`, `w${k}`], [k === n - 1 ? "y" : `v${k}`]),
      ]).flat(),
      initializers: times(n, (k) => [codes(`q${k}`, k + 1), scale(`s${k}`, k)]).flat(),
    }),
  "readers of one computed constant": (n) =>
    graph({
      nodes: [
        makeNode("Cast", ["q"], ["c"], [toFloat]),
        ...times(n, (k) => [
          makeNode("Mul", ["c", `s${k}`], [`w${k}`]),
          makeNode("Add", [k === 0 ? "x" : `v${k - 1}`, `w${k}`], [k === n - 1 ? "y" : `v${k}`]),
        ]).flat(),
      ],
      initializers: [codes("q", 3), ...times(n, (k) => scale(`s${k}`, k))],
    }),
  "dequantized copies of one value": (n) =>
    graph({
      nodes: [
        makeNode("QuantizeLinear", ["x", "s"], ["q"]),
        ...times(n, (k) => makeNode("DequantizeLinear", ["q", "s"], [`d${k}`])),
        makeNode(
          "Sum",
          times(n, (k) => `d${k}`),
          ["y"],
        ),
      ],
      initializers: [scale("s", 1)],
    }),
};

/** In place of the runtime: it is the work around it that is counted. */
const evaluator = {
  evaluate: (model: Model) =>
    Promise.resolve(
      new Map(
        model.graph.outputs.map(({ name }, k) => [
          name,
          floatTensor(
            name,
            [SIZE],
            Float32Array.from({ length: SIZE }, (_, i) => i + k),
          ),
        ]),
      ),
    ),
};
const context = { statistics: undefined, evaluator, seed: 0 };
const pass = (name: string) => (model: Model) => findPass(name).bind({}).run(model, context);

describe.each(Object.entries(MANY))("%s", (_kind, make) => {
  it.each([
    ["fold-constants", pass("fold-constants")],
    ["unpack-weights", pass("unpack-weights")],
    ["describing what is executed", (model: Model) => describeExecuted(model)],
  ])("take work in proportion to their number: %s", async (_name, work) => {
    await work(copyModel(make(2)));
    const count = (n: number): Promise<number> => {
      const model = make(n);
      return countedWork(() => work(model));
    };
    const [few, many] = [await count(FEW), await count(TIMES * FEW)];
    expect(few).toBeGreaterThan(FEW);
    expect(many).toBeLessThan(MOST * few);
  });
});
