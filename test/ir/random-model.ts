/**
 * Models that need not run, for the text they are written in: names of every sort, all kinds of attributes, bodies,
 * functions. They hold what the text can say: an empty list is one of integers, and constants are bytes.
 */
import { AttributeType, attribute, byteSize, DataType, emptyGraph } from "../../src/ir/index.js";
import type {
  Attribute, Dimension, FunctionDef, Graph, Model, Node, Tensor, TypeInfo, ValueInfo,
} from "../../src/ir/index.js";
import { Random } from "../fuzz/random.js";

const NAMES = [
  "x", "/conv/W:0", "a:", "", "_", "%", "# n", "a, b", "}", "\"", "\\", "\n", "é\u2028", "graph", "-1",
  "0x0a", "input", "a::b",
];
const NONEMPTY = NAMES.filter((name) => name !== "");
const TYPES = [
  DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16, DataType.BOOL, DataType.INT8, DataType.INT64,
  DataType.UINT64, DataType.UINT16, DataType.INT4, DataType.FLOAT8E5M2, DataType.COMPLEX64,
];
/** Where any bit pattern is a number that text tells apart: no NaN. */
const FINITE: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

export function randomModel(seed: number): Model {
  const random = new Random(seed);
  const functions = Array.from({ length: random.below(3) }, () => randomFunction(random));
  return {
    ...(random.chance(0.9) ? { irVersion: BigInt(random.below(11)) } : {}),
    opsetImports: opsets(random), graph: randomGraph(random, 2), functions, trainingInfo: [], deviceConfigurations: [],
  };
}

function opsets(random: Random): Model["opsetImports"] {
  const domains = ["", "com.microsoft", "a=b c"].slice(0, random.below(4));
  return domains.map((domain) => ({ domain, version: BigInt(random.below(27)) }));
}

function randomGraph(random: Random, depth: number): Graph {
  const some = <T>(make: (k: number) => T): T[] => Array.from({ length: random.below(3) }, (_, k) => make(k));
  const graph = random.chance(0.8) ? emptyGraph(random.pick(NAMES)) : emptyGraph();
  return {
    ...graph, nodes: some(() => randomNode(random, depth)),
    initializers: some((k) => constant(random, `${random.pick(NAMES)}${k}`)),
    sparseInitializers: some(() => ({ bytes: bytes(random, random.below(9)) })),
    inputs: some(() => value(random)), outputs: some(() => value(random)),
  };
}

/** Names of outputs are no graph's inputs or outputs here, so that types are declared in one place. */
function randomNode(random: Random, depth: number): Node {
  const name = random.pick(NAMES);
  const named = (k: number): Attribute => randomAttribute(random, `${random.pick(NAMES)}${k}`, depth);
  const attributes = Array.from({ length: random.below(4) }, (_, k) => named(k));
  return {
    opType: random.pick(NONEMPTY),
    ...(random.chance(0.3) ? { domain: "d::e" } : {}), ...(random.chance(0.2) ? { overload: "o:1" } : {}),
    inputs: Array.from({ length: random.below(4) }, () => random.pick(NAMES)),
    outputs: Array.from({ length: random.below(3) }, () => random.pick(["", "out", "o:", "ö"])),
    attributes, ...(name === "" ? {} : { name }),
  };
}

function randomAttribute(random: Random, name: string, depth: number): Attribute {
  const graph = depth > 0 && random.chance(0.4) ? randomGraph(random, depth - 1) : undefined;
  const float = random.floats(1, 1000)[0]!;
  const text = new TextEncoder().encode(random.pick(NAMES));
  return random.pick<Attribute>([
    attribute.int(name, random.within(-5, 5)),
    attribute.float(name, float),
    attribute.float(name, 3),
    attribute.string(name, "x\n\""),
    attribute.ints(name, Array.from({ length: random.below(3) }, (_, k) => k)),
    attribute.floats(name, [float, -0, Infinity]),
    { name, type: AttributeType.STRINGS, strings: [text, text] },
    { name, refAttrName: random.pick(NAMES) },
    { name },
    { name, type: AttributeType.TENSOR, t: constant(random) },
    { name, type: AttributeType.TENSORS, tensors: [constant(random), constant(random)] },
    { name, type: AttributeType.TYPE_PROTO, tp: type(random) },
    { name, type: AttributeType.TYPE_PROTOS, typeProtos: [type(random)] },
    ...(graph ? [attribute.graph(name, graph), { name, type: AttributeType.GRAPHS, graphs: [graph, graph] }] : []),
  ]);
}

function randomFunction(random: Random): FunctionDef {
  const attributeDefaults = random.chance(0.5) ? [randomAttribute(random, "k", 1)] : [];
  return {
    name: random.pick(NONEMPTY), ...(random.chance(0.5) ? { domain: random.pick(["d", "d:e"]) } : {}),
    inputs: ["a"], outputs: ["b:"],
    attributeNames: random.chance(0.5) ? ["axis", "a b"] : [], attributeDefaults,
    nodes: [randomNode(random, 1)], opsetImports: opsets(random), valueInfo: [],
  };
}

function value(random: Random): ValueInfo {
  const name = random.pick(NAMES);
  return random.chance(0.7) ? { name, type: type(random) } : { name };
}

function type(random: Random): TypeInfo {
  if (random.chance(0.2)) return { encoded: { bytes: bytes(random, random.below(20)) } };
  const elementType = random.chance(0.1) ? 99 : random.pick(TYPES);
  const dimension = (): Dimension => random.pick<Dimension>([1, 224, 0, -1, undefined, "N", "3", "batch size", ""]);
  const shape = Array.from({ length: random.below(4) }, dimension);
  return { tensor: random.chance(0.8) ? { elementType, shape } : { elementType } };
}

function constant(random: Random, name?: string): Tensor {
  const dataType = random.pick(TYPES);
  const dims = random.pick([[], [3], [2, 2], [0], [5]]);
  const length = byteSize(dataType, dims.reduce((product, dim) => product * dim, 1)) ?? 0;
  const raw = bytes(random, length).map((byte) => (FINITE.includes(dataType) ? byte & 0x3f : byte));
  return { ...(name === undefined ? {} : { name }), dims, dataType, raw };
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}
