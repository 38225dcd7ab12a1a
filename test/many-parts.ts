/** Models with very many parts of one kind. */
import {
  attribute,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  DataType,
  type FunctionDef,
  type Graph,
  type Model,
  type Node,
  type Tensor,
} from "../src/ir/index.js";

const value = (name: string): Graph["inputs"][number] => tensorValue(name, DataType.FLOAT, [1, 4]);

function model(graph: Partial<Graph>, more: Partial<Model> = {}): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      inputs: [value("x")],
      outputs: [value("y")],
      nodes: [makeNode("Relu", ["x"], ["y"])],
      ...graph,
    },
    ...more,
  };
}

const times = <T>(n: number, make: (k: number) => T): T[] => Array.from({ length: n }, (_, k) => make(k));
const vector = (name: string, first: number): Tensor => floatTensor(name, [4], Float32Array.of(first, 1, 2, 3));
const square = (name: string, first: number): Tensor =>
  floatTensor(
    name,
    [4, 4],
    Float32Array.from({ length: 16 }, (_, k) => (k % 5 === 0 ? 0.5 : first)),
  );

/** x → node → node → … → y */
const chain = (n: number, make: (from: string, to: string, k: number) => Node): Node[] =>
  times(n, (k) => make(k === 0 ? "x" : `v${k - 1}`, k === n - 1 ? "y" : `v${k}`, k));

const relus: FunctionDef["nodes"] = [makeNode("Relu", ["a"], ["b"])];
const block = (k: number): FunctionDef => ({
  name: `F${k}`,
  domain: "own",
  inputs: ["a"],
  outputs: ["b"],
  attributeNames: [],
  attributeDefaults: [],
  nodes: relus.map((node) => ({ ...node })),
  opsetImports: [
    { domain: "", version: 17n },
    { domain: `d${k}`, version: 1n },
  ],
  valueInfo: [],
});
const sets = (n: number): Model["opsetImports"] => [
  ...times(n, (k) => ({ domain: `d${k}`, version: 1n })),
  { domain: "own", version: 1n },
  { domain: "", version: 17n },
];

export const MANY: Readonly<Record<string, (n: number) => Model>> = {
  "constants that nothing uses": (n) => model({ initializers: times(n, (k) => vector(`w${k}`, k)) }),
  "equal constants": (n) =>
    model({
      nodes: chain(n, (from, to, k) => makeNode("Add", [from, `w${k}`], [to])),
      initializers: times(n, (k) => vector(`w${k}`, 0)),
    }),
  "constants of nodes": (n) =>
    model({
      nodes: chain(n, (from, to, k) => makeNode("Add", [from, `w${k}`], [to])),
      initializers: times(n, (k) => vector(`w${k}`, k)),
    }),
  "users of one constant": (n) =>
    model({ nodes: chain(n, (from, to) => makeNode("Add", [from, "w"], [to])), initializers: [vector("w", 0)] }),
  layers: (n) =>
    model({
      nodes: chain(n, (from, to, k) => makeNode("MatMul", [from, `w${k}`], [to])),
      initializers: times(n, (k) => square(`w${k}`, 1 / (k + 2))),
    }),
  "layers with one weight": (n) =>
    model({ nodes: chain(n, (from, to) => makeNode("MatMul", [from, "w"], [to])), initializers: [square("w", 0)] }),
  "Constant nodes": (n) =>
    model({
      nodes: [
        ...times(n, (k) => makeNode("Constant", [], [`c${k}`], [attribute.tensor("value", vector("", k))])),
        ...chain(n, (from, to, k) => makeNode("Add", [from, `c${k}`], [to])),
      ],
    }),
  activations: (n) => model({ nodes: chain(n, (from, to, k) => makeNode(k % 2 === 0 ? "Neg" : "Relu", [from], [to])) }),
  "users of one value": (n) =>
    model({
      nodes: [
        ...times(n, (k) => makeNode("Relu", ["x"], [`v${k}`])),
        makeNode(
          "Sum",
          times(n, (k) => `v${k}`),
          ["y"],
        ),
      ],
    }),
  declarations: (n) => model({ valueInfo: times(n, (k) => value(`u${k}`)) }),
  inputs: (n) => model({ inputs: [value("x"), ...times(n, (k) => value(`i${k}`))] }),
  outputs: (n) =>
    model({
      nodes: [makeNode("Relu", ["x"], ["y"]), ...times(n, (k) => makeNode("Relu", ["x"], [`o${k}`]))],
      outputs: [value("y"), ...times(n, (k) => value(`o${k}`))],
    }),
  functions: (n) => model({}, { functions: times(n, block), opsetImports: sets(n) }),
  "calls of functions": (n) =>
    model(
      { nodes: chain(n, (from, to, k) => ({ ...makeNode(`F${k}`, [from], [to]), domain: "own" })) },
      { functions: times(n, block), opsetImports: sets(n) },
    ),
  "operator sets": (n) =>
    model({ nodes: chain(n, (from, to) => makeNode("Clip", [from], [to])) }, { opsetImports: sets(n) }),
  "metadata entries": (n) =>
    model(
      { metadata: times(n, (k) => ({ key: `pkg.torch.${k}`, value: "v" })) },
      { metadata: times(n, (k) => ({ key: `k${k}`, value: "v" })) },
    ),
};
