/**
 * Random models with outputs that onnxruntime's JavaScript API cannot return. Beside each odd output the model has a
 * tensor output "expected", made by other operators, with what must stand for it.
 */
import {
  attribute, DataType, emptyGraph, floatTensor, int64Tensor, makeNode, tensorValue,
  type Graph, type Model, type Node, type Tensor, type ValueInfo,
} from "../../src/ir/index.js";
import { Random } from "../fuzz/random.js";
import { CLASSES, encoded, floatOptional, floatSequence, scoreMaps, tensorType, zipMap } from "./odd-types.js";

export interface OddModel {
  readonly model: Model;
  /** The tensor output that each stand-in must equal, by the stand-in's name. */
  readonly expected: ReadonlyMap<string, string>;
  readonly rows: number;
}

const WIDTH = 6;

/** Grows one model; each `add…` puts an odd output in, and says what must stand for it. */
class OddBuilder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [int64Tensor("flat", [-1])];
  readonly outputs: ValueInfo[] = [];
  readonly expected = new Map<string, string>();
  private taken = 0;

  constructor(readonly random: Random) {}

  /** A float tensor [n, width] that depends on x. */
  tensor(width = WIDTH): string {
    const [weight, product, result] = [this.name("w"), this.name("p"), this.name("t")];
    this.initializers.push(floatTensor(weight, [WIDTH, width], this.random.floats(WIDTH * width, 1)));
    this.nodes.push(
      makeNode("MatMul", ["x", weight], [product]),
      makeNode(this.random.pick(["Tanh", "Relu", "Neg"]), [product], [result]),
    );
    return result;
  }

  name(stem: string): string {
    return `${stem}_${this.taken++}`;
  }

  /** Gives a tensor out as what the stand-in must be. */
  expect(standIn: string, tensor: string, type: DataType = DataType.FLOAT): void {
    const output = this.name("expected");
    this.nodes.push(makeNode("Identity", [tensor], [output]));
    this.outputs.push(tensorValue(output, type));
    this.expected.set(standIn, output);
  }

  /** The values of all, one after the other. */
  joined(values: readonly string[]): string {
    const parts = values.map((value) => {
      const part = this.name("part");
      this.nodes.push(makeNode("Reshape", [value, "flat"], [part]));
      return part;
    });
    const all = this.name("joined");
    this.nodes.push(makeNode("Concat", parts, [all], [attribute.int("axis", 0)]));
    return all;
  }

  tensors(least = 1): string[] {
    return Array.from({ length: this.random.within(least, 3) }, () => this.tensor(this.random.within(2, WIDTH)));
  }

  /** Whether x has a value above the limit, which half of the samples have. */
  condition(): string {
    const [most, limit, above] = [this.name("most"), this.name("limit"), this.name("above")];
    this.initializers.push(
      floatTensor(
        limit,
        [],
        this.random.floats(1, 0.5).map((value) => value + 0.4),
      ),
    );
    this.nodes.push(
      makeNode("ReduceMax", ["x"], [most], [attribute.int("keepdims", 0)]),
      makeNode("Greater", [most, limit], [above]),
    );
    return above;
  }

  scalar(stem: string, value: number): string {
    const name = this.name(stem);
    this.initializers.push(int64Tensor(name, [value], []));
    return name;
  }
}

function branch(node: Node, output: ValueInfo): Graph {
  return { ...emptyGraph(output.name), nodes: [node], outputs: [output] };
}

const ADDERS: readonly ((builder: OddBuilder, output: string) => void)[] = [
  addZipMap,
  addConstructed,
  addAppended,
  addInserted,
  addSplit,
  addChosen,
  addLooped,
  addOptional,
  addMaybe,
  addBrain,
];
export const KINDS = ADDERS.length;

function addZipMap(builder: OddBuilder, output: string): void {
  const scores = builder.tensor(CLASSES);
  builder.nodes.push(zipMap(scores, output));
  builder.outputs.push(scoreMaps(output));
  builder.expect(`${output}.values`, scores);
}

/** Behind an Identity now and then. */
function addConstructed(builder: OddBuilder, output: string): void {
  const parts = builder.tensors();
  const through = builder.random.chance(0.5) ? builder.name("seq") : output;
  builder.nodes.push(makeNode("SequenceConstruct", parts, [through]));
  if (through !== output) builder.nodes.push(makeNode("Identity", [through], [output]));
  builder.outputs.push(floatSequence(output));
  parts.forEach((part, k) => builder.expect(`${output}[${k}]`, part));
}

function addAppended(builder: OddBuilder, output: string): void {
  const parts = builder.tensors();
  let sequence = builder.name("empty");
  builder.nodes.push(makeNode("SequenceEmpty", [], [sequence]));
  parts.forEach((part, k) => {
    const next = k === parts.length - 1 ? output : builder.name("seq");
    builder.nodes.push(makeNode("SequenceInsert", [sequence, part], [next]));
    sequence = next;
    builder.expect(`${output}[${k}]`, part);
  });
  builder.outputs.push(floatSequence(output));
}

/** In front of the others. */
function addInserted(builder: OddBuilder, output: string): void {
  const parts = builder.tensors(2);
  const [first = "", ...others] = parts;
  const [sequence, front, length] = [
    builder.name("seq"),
    builder.scalar("front", 0),
    builder.scalar("length", parts.length),
  ];
  builder.nodes.push(
    makeNode("SequenceConstruct", others, [sequence]),
    makeNode("SequenceInsert", [sequence, first, front], [output]),
  );
  builder.outputs.push(floatSequence(output));
  builder.expect(`${output}.length`, length, DataType.INT64);
  builder.expect(`${output}.elements`, builder.joined(parts));
}

function addSplit(builder: OddBuilder, output: string): void {
  const whole = builder.tensor();
  builder.nodes.push(
    makeNode("SplitToSequence", [whole], [output], [attribute.int("axis", 1), attribute.int("keepdims", 0)]),
  );
  builder.outputs.push(floatSequence(output));
  builder.expect(`${output}.whole`, whole);
}

/** Another number of elements in each branch. */
function addChosen(builder: OddBuilder, output: string): void {
  const [some, more] = [builder.tensors(), builder.tensors()];
  const condition = builder.condition();
  const [a, b, c, d] = [builder.name("a"), builder.name("b"), builder.name("c"), builder.name("d")];
  const sequences = [
    branch(makeNode("SequenceConstruct", some, [a]), floatSequence(a)),
    branch(makeNode("SequenceConstruct", more, [b]), floatSequence(b)),
  ] as const;
  builder.nodes.push(
    makeNode(
      "If",
      [condition],
      [output],
      [attribute.graph("then_branch", sequences[0]), attribute.graph("else_branch", sequences[1])],
    ),
  );
  builder.outputs.push(floatSequence(output));
  const joined = [builder.joined(some), builder.joined(more)] as const;
  const elements = builder.name("elements");
  const tensors = [
    branch(makeNode("Identity", [joined[0]], [c]), tensorValue(c, DataType.FLOAT)),
    branch(makeNode("Identity", [joined[1]], [d]), tensorValue(d, DataType.FLOAT)),
  ] as const;
  builder.nodes.push(
    makeNode(
      "If",
      [condition],
      [elements],
      [attribute.graph("then_branch", tensors[0]), attribute.graph("else_branch", tensors[1])],
    ),
  );
  builder.expect(`${output}.elements`, elements);
  builder.expected.set(`${output}.length`, "");
}

/** x plus the number of the round, in none to three rounds. */
function addLooped(builder: OddBuilder, output: string): void {
  const rounds = builder.random.within(0, 3);
  const trips = builder.scalar("trips", rounds);
  const names = ["i", "go", "before", "number", "sum", "after", "still"].map((stem) => builder.name(stem));
  const [i = "", go = "", before = "", number = "", sum = "", after = "", still = ""] = names;
  const body: Graph = {
    ...emptyGraph("body"),
    inputs: [tensorValue(i, DataType.INT64, []), tensorValue(go, DataType.BOOL, []), floatSequence(before)],
    outputs: [tensorValue(still, DataType.BOOL, []), floatSequence(after)],
    nodes: [
      makeNode("Cast", [i], [number], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Add", ["x", number], [sum]),
      makeNode("SequenceInsert", [before, sum], [after]),
      makeNode("Identity", [go], [still]),
    ],
  };
  const empty = builder.name("empty");
  builder.nodes.push(
    makeNode("SequenceEmpty", [], [empty]),
    makeNode("Loop", [trips, "", empty], [output], [attribute.graph("body", body)]),
  );
  builder.outputs.push(floatSequence(output));
  builder.expect(`${output}.length`, trips, DataType.INT64);
  const sums = Array.from({ length: rounds }, (_, k) => {
    const [constant, added] = [builder.name("round"), builder.name("added")];
    builder.initializers.push(floatTensor(constant, [], Float32Array.of(k)));
    builder.nodes.push(makeNode("Add", ["x", constant], [added]));
    return added;
  });
  const none = builder.name("none");
  if (rounds === 0) builder.initializers.push(floatTensor(none, [0], new Float32Array()));
  builder.expect(`${output}.elements`, rounds === 0 ? none : builder.joined(sums));
}

function addOptional(builder: OddBuilder, output: string): void {
  const value = builder.tensor();
  builder.nodes.push(makeNode("Optional", [value], [output]));
  builder.outputs.push(floatOptional(output));
  builder.expect(`${output}.value`, value);
}

/** There or not, as x has it. */
function addMaybe(builder: OddBuilder, output: string): void {
  const value = builder.tensor();
  const condition = builder.condition();
  const [a, b, c, d, none, elements] = ["a", "b", "c", "d", "none", "elements"].map((stem) => builder.name(stem)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const type = { name: "type", type: 13, tp: { encoded: { bytes: encoded(tensorType(DataType.FLOAT)) } } };
  const there = branch(makeNode("Optional", [value], [a]), floatOptional(a));
  const absent = branch(makeNode("Optional", [], [b], [type]), floatOptional(b));
  builder.nodes.push(
    makeNode(
      "If",
      [condition],
      [output],
      [attribute.graph("then_branch", there), attribute.graph("else_branch", absent)],
    ),
  );
  builder.outputs.push(floatOptional(output));
  builder.initializers.push(floatTensor(none, [0], new Float32Array()));
  const flat = builder.joined([value]);
  const some = branch(makeNode("Identity", [flat], [c]), tensorValue(c, DataType.FLOAT));
  const nothing = branch(makeNode("Identity", [none], [d]), tensorValue(d, DataType.FLOAT));
  builder.nodes.push(
    makeNode(
      "If",
      [condition],
      [elements],
      [attribute.graph("then_branch", some), attribute.graph("else_branch", nothing)],
    ),
  );
  builder.expect(`${output}.present`, condition, DataType.BOOL);
  builder.expect(`${output}.elements`, elements);
}

/** A type that JavaScript lacks: the upper half of a float's bits. */
function addBrain(builder: OddBuilder, output: string): void {
  const value = builder.tensor();
  const wide = builder.name("wide");
  builder.nodes.push(
    makeNode("Cast", [value], [output], [attribute.int("to", DataType.BFLOAT16)]),
    makeNode("Cast", [output], [wide], [attribute.int("to", DataType.FLOAT)]),
  );
  builder.outputs.push(tensorValue(output, DataType.BFLOAT16));
  builder.expect(`${output}.float`, wide);
}

/** One to three odd outputs, the first of the kind `seed` modulo KINDS, beside a tensor, integers and a boolean. */
export function oddModel(seed: number): OddModel {
  const random = new Random(seed);
  const builder = new OddBuilder(random);
  const count = random.within(1, 3);
  for (let k = 0; k < count; k++) ADDERS[k === 0 ? seed % KINDS : random.below(KINDS)]!(builder, `odd_${k}`);
  if (random.chance(0.7)) {
    const scores = builder.tensor();
    builder.nodes.push(
      makeNode("ArgMax", [scores], ["label"], [attribute.int("axis", 1), attribute.int("keepdims", 0)]),
    );
    builder.outputs.push(tensorValue(scores, DataType.FLOAT), tensorValue("label", DataType.INT64));
  }
  const graph: Graph = {
    ...emptyGraph("odd"),
    nodes: builder.nodes,
    initializers: builder.initializers,
    inputs: [tensorValue("x", DataType.FLOAT, ["n", WIDTH])],
    outputs: builder.outputs,
  };
  const opsetImports = [
    { domain: "", version: 17n },
    { domain: "ai.onnx.ml", version: 3n },
  ];
  return {
    model: { irVersion: 8n, opsetImports, graph, functions: [], trainingInfo: [], deviceConfigurations: [] },
    expected: builder.expected,
    rows: random.within(1, 3),
  };
}

/** The same model without the tensors that its odd outputs are checked against. */
export function withoutExpected({ model, expected }: OddModel): Model {
  const checks = new Set(expected.values());
  return { ...model, graph: { ...model.graph, outputs: model.graph.outputs.filter(({ name }) => !checks.has(name)) } };
}

export function oddFeed(
  random: Random,
  rows: number,
): { x: { dataType: DataType; dims: number[]; data: Float32Array } } {
  return { x: { dataType: DataType.FLOAT, dims: [rows, WIDTH], data: random.floats(rows * WIDTH, 1) } };
}
