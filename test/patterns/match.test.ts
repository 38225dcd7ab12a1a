/** What patterns find in small graphs, and what they say where they nearly do. */
import { describe, expect, it } from "vitest";
import {
  DataType,
  floatTensor,
  GraphEditor,
  makeNode,
  type Node,
  type Tensor,
  tensorValue,
} from "../../src/ir/index.js";
import { GraphFacts } from "../../src/ops/shape-analysis.js";
import {
  exactly,
  type Match,
  matchAt,
  misfit,
  nearMisfit,
  node,
  nodeThat,
  number,
  oneOf,
  optional,
  type Rule,
  rule,
  scaled,
  times,
  Trace,
  value,
} from "../../src/patterns/index.js";
import { tiny } from "../support/tiny-models.js";

const x = value("x");

function constant(name: string, number: number, dims: number[] = []): Tensor {
  return floatTensor(name, dims, Float32Array.of(number));
}

interface Attempt {
  readonly match: Match | undefined;
  readonly trace: Trace;
}

/** Matches at the first node of the anchor's operator. */
function attempt(of: Rule, nodes: Node[], initializers: Tensor[] = [], outputs?: string[]): Attempt {
  const model = tiny(nodes, {
    feed: { x: { dataType: DataType.FLOAT, dims: [2], data: new Float32Array(2) } },
    initializers,
    ...(outputs ? { outputs } : {}),
  });
  model.graph.inputs.push(tensorValue("y", DataType.FLOAT, [2]));
  const scope = {
    editor: GraphEditor.forMainGraph(model),
    facts: new GraphFacts(undefined),
    opset: 17,
    isFixed: () => false,
  };
  const trace = new Trace();
  const anchor = model.graph.nodes.find(({ opType }) => of.anchor.ops.includes(opType))!;
  return { match: matchAt(of, anchor, scope, trace), trace };
}

const gate = node("Sigmoid", [x]);
const product = rule({ pattern: node("Mul", [gate, x]), anchor: gate });

describe("a match", () => {
  const sigmoid = makeNode("Sigmoid", ["x"], ["s"]);

  it("goes up from the anchor to the last node, and hands out nodes and values", () => {
    const { match } = attempt(product, [sigmoid, makeNode("Mul", ["s", "x"], ["m"])]);
    expect(match?.last.opType).toBe("Mul");
    expect(match?.found.of(x)).toBe("x");
    expect(match?.found.of(gate).opType).toBe("Sigmoid");
    expect(match?.found.nodes.map(({ opType }) => opType)).toEqual(["Sigmoid", "Mul"]);
  });

  it("takes operands of Add and Mul in either order, those of others in one", () => {
    expect(attempt(product, [sigmoid, makeNode("Mul", ["x", "s"], ["m"])]).match).toBeDefined();
    const quotient = rule({ pattern: node("Div", [gate, x]), anchor: gate });
    expect(attempt(quotient, [sigmoid, makeNode("Div", ["x", "s"], ["m"])]).match).toBeUndefined();
    expect(attempt(quotient, [sigmoid, makeNode("Div", ["s", "x"], ["m"])]).match).toBeDefined();
  });

  it("wants the same value wherever the same pattern stands", () => {
    const { match, trace } = attempt(product, [sigmoid, makeNode("Mul", ["s", "y"], ["m"])]);
    expect(match).toBeUndefined();
    // A Sigmoid that gates another value is no near miss.
    expect(trace.reached).toBe(1);
  });

  it("takes operators of the standard set alone", () => {
    const foreign = { ...makeNode("Mul", ["s", "x"], ["m"]), domain: "com.example" };
    expect(attempt(product, [sigmoid, foreign]).match).toBeUndefined();
  });

  it("needs values between its nodes for itself", () => {
    const mul = makeNode("Mul", ["s", "x"], ["m"]);
    const shared = attempt(product, [sigmoid, mul, makeNode("Neg", ["s"], ["n"])], [], ["m", "n"]);
    expect(shared.match).toBeUndefined();
    expect(shared.trace.reason).toBe('"s" has other uses');
    const output = attempt(product, [sigmoid, mul], [], ["m", "s"]);
    expect(output.match).toBeUndefined();
    expect(output.trace.reason).toBe('"s" is a graph output and must stay');
  });

  it("lets values be read more often where the pattern says so", () => {
    const shared = node("Sigmoid", [x], { uses: 2 });
    const twice = rule({ pattern: node("Mul", [shared, x]), anchor: shared });
    const nodes = [sigmoid, makeNode("Mul", ["s", "x"], ["m"]), makeNode("Neg", ["s"], ["n"])];
    expect(attempt(twice, nodes, [], ["m", "n"]).match?.last.opType).toBe("Mul");
  });

  it("takes the first alternative that leads to an end, the longest first", () => {
    const neg = node("Neg", [gate]);
    const either = rule({ pattern: oneOf(node("Mul", [neg, x]), neg), anchor: gate });
    const start = [sigmoid, makeNode("Neg", ["s"], ["n"])];
    expect(attempt(either, start).match?.last.opType).toBe("Neg");
    expect(attempt(either, [...start, makeNode("Mul", ["x", "n"], ["m"])]).match?.last.opType).toBe("Mul");
  });

  it("goes by steps that may be missing", () => {
    const end = rule({ pattern: node("Mul", [optional(gate, (it) => node("Neg", [it])), x]), anchor: gate });
    expect(attempt(end, [sigmoid, makeNode("Mul", ["s", "x"], ["m"])]).match).toBeDefined();
    const longer = [sigmoid, makeNode("Neg", ["s"], ["n"]), makeNode("Mul", ["n", "x"], ["m"])];
    expect(attempt(end, longer).match?.found.nodes).toHaveLength(3);
  });
});

describe("constants", () => {
  const sigmoid = (input: string): Node => makeNode("Sigmoid", [input], ["s"]);
  const halved = node("Sigmoid", [times(x, 0.5)]);
  const half = rule({ pattern: halved, anchor: halved });

  it("are found as a factor, or as what is divided by", () => {
    const mul = [makeNode("Mul", ["c", "x"], ["t"]), sigmoid("t")];
    expect(attempt(half, mul, [constant("c", 0.5)]).match).toBeDefined();
    const div = [makeNode("Div", ["x", "c"], ["t"]), sigmoid("t")];
    expect(attempt(half, div, [constant("c", 2)]).match).toBeDefined();
    expect(attempt(half, div, [constant("c", 0.5)]).match).toBeUndefined();
    expect(attempt(half, div, [constant("c", 0)]).match).toBeUndefined();
  });

  it("may differ by rounding, unless the number is meant exactly", () => {
    const mul = [makeNode("Mul", ["x", "c"], ["t"]), sigmoid("t")];
    expect(attempt(half, mul, [constant("c", 0.5 + 2e-7)]).match).toBeDefined();
    expect(attempt(half, mul, [constant("c", 0.5 + 2e-6)]).match).toBeUndefined();
    const precise = node("Sigmoid", [node("Mul", [x, exactly(0.5)])]);
    const exact = rule({ pattern: precise, anchor: precise });
    expect(attempt(exact, mul, [constant("c", 0.5)]).match).toBeDefined();
    expect(attempt(exact, mul, [constant("c", 0.5 + 2e-7)]).match).toBeUndefined();
  });

  it("are handed out as numbers, of a divisor its reciprocal", () => {
    const factor = scaled(x);
    const steep = node("Sigmoid", [factor.pattern]);
    const any = rule({ pattern: steep, anchor: steep });
    const div = [makeNode("Div", ["x", "c"], ["t"]), sigmoid("t")];
    expect(attempt(any, div, [constant("c", 4)]).match?.found.of(factor.factor)).toBe(0.25);
  });

  it("are one element that raises no rank", () => {
    const any = node("Sigmoid", [node("Mul", [x, number("n")])]);
    const of = rule({ pattern: any, anchor: any });
    const mul = [makeNode("Mul", ["x", "c"], ["t"]), sigmoid("t")];
    expect(attempt(of, mul, [constant("c", 3, [1])]).match).toBeDefined();
    expect(attempt(of, mul, [constant("c", 3, [1, 1])]).match).toBeUndefined();
    expect(attempt(of, mul, [floatTensor("c", [2], Float32Array.of(1, 2))]).match).toBeUndefined();
    expect(attempt(of, [makeNode("Mul", ["x", "y"], ["t"]), sigmoid("t")]).match).toBeUndefined();
  });

  it("of another number are a near miss, which names both", () => {
    const mul = [makeNode("Mul", ["x", "c"], ["t"]), sigmoid("t")];
    const { trace } = attempt(half, mul, [constant("c", 0.45)]);
    expect(trace.reason).toBe('the constant "c" is 0.45 where 0.5 is expected');
    expect(trace.reached).toBe(2);
  });
});

describe("what stopped a match", () => {
  const negated = nodeThat("Neg", [gate], (found) =>
    found.name === "good" ? { is: found } : nearMisfit("its name is not good"),
  );
  const end = node("Mul", [negated, x]);
  const refusing = rule({ pattern: end, anchor: gate, check: () => misfit("never") });
  const nodes = (name: string, last: string): Node[] => [
    makeNode("Sigmoid", ["x"], ["s"]),
    makeNode("Neg", ["s"], ["n"], [], name),
    makeNode(last, ["n", "x"], ["m"], [], "end"),
  ];

  it("is what the attempt that came furthest met", () => {
    expect(attempt(refusing, nodes("bad", "Mul")).trace.reason).toBe("its name is not good");
    expect(attempt(refusing, nodes("good", "Sub")).trace.reason).toBe('"end" is Sub where Mul is expected');
    expect(attempt(refusing, nodes("good", "Mul")).trace.reason).toBe("never");
  });

  it("is an operator of another kind right behind the anchor, which is no near miss", () => {
    const { trace } = attempt(refusing, [makeNode("Sigmoid", ["x"], ["s"]), makeNode("Abs", ["s"], ["a"])]);
    expect(trace.reached).toBeLessThan(2);
  });
});
