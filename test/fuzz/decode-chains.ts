/** Random models whose weights come out of chains: codes, tables, gaps, narrow types; alone, shared, in bodies and functions. */
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  floatToHalf,
  int64Tensor,
  integerTensor,
  makeNode,
  tensorValue,
  type Attribute,
  type FunctionDef,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { Random } from "./random.js";

export const ROWS = 48;
export const COLUMNS = 40;
const COUNT = ROWS * COLUMNS;

interface Chain {
  readonly nodes: Node[];
  readonly constants: Tensor[];
}

const to = (type: DataType): Attribute[] => [attribute.int("to", type)];

/** Ways to make a [ROWS, COLUMNS] float32 matrix named `w`. */
const FORMS: readonly ((random: Random, w: string) => Chain)[] = [
  (random, w) => ({
    nodes: [makeNode("Cast", [`${w}.h`], [w], to(DataType.FLOAT))],
    constants: [
      integerTensor(
        `${w}.h`,
        [ROWS, COLUMNS],
        DataType.FLOAT16,
        Uint16Array.from(random.floats(COUNT, 1), floatToHalf),
      ),
    ],
  }),
  (random, w) => ({
    nodes: [
      makeNode("Cast", [`${w}.b`], [`${w}.t`], to(DataType.FLOAT)),
      makeNode("Transpose", [`${w}.t`], [w], [attribute.ints("perm", [1, 0])]),
    ],
    constants: [
      integerTensor(
        `${w}.b`,
        [COLUMNS, ROWS],
        DataType.BFLOAT16,
        Uint16Array.from(random.floats(COUNT, 1), (v) => new Uint32Array(Float32Array.of(v).buffer)[0]! >>> 16),
      ),
    ],
  }),
  (random, w) => ({
    nodes: [makeNode("Cast", [`${w}.q`], [`${w}.f`], to(DataType.FLOAT)), makeNode("Mul", [`${w}.f`, `${w}.s`], [w])],
    constants: [
      codes(random, `${w}.q`, DataType.INT8, [ROWS, COLUMNS], 255),
      floatTensor(
        `${w}.s`,
        random.pick([[], [1, COLUMNS], [ROWS, 1]]).slice(),
        Float32Array.from({ length: ROWS }, () => 0.01),
      ),
    ].map(fitted),
  }),
  (random, w) => ({
    nodes: [
      makeNode("Cast", [`${w}.q`], [`${w}.f`], to(DataType.FLOAT)),
      makeNode("Sub", [`${w}.f`, `${w}.z`], [`${w}.d`]),
      makeNode("Mul", [`${w}.d`, `${w}.s`], [w]),
    ],
    constants: [
      codes(random, `${w}.q`, DataType.UINT8, [ROWS, COLUMNS], 256),
      floatTensor(`${w}.z`, [], Float32Array.of(128)),
      floatTensor(`${w}.s`, [1, COLUMNS], random.floats(COLUMNS, 0.01)),
    ],
  }),
  (random, w) => ({
    nodes: [
      makeNode("Cast", [`${w}.q`], [`${w}.i`], to(DataType.INT32)),
      makeNode("Gather", [`${w}.book`, `${w}.i`], [`${w}.g`]),
      makeNode("Reshape", [`${w}.g`, `${w}.shape`], [w]),
    ],
    constants: [
      codes(random, `${w}.q`, DataType.UINT8, [COUNT], 16),
      floatTensor(`${w}.book`, [16], random.floats(16, 1)),
      int64Tensor(`${w}.shape`, [ROWS, -1]),
    ],
  }),
  (random, w) => ({
    nodes: [
      makeNode("Cast", [`${w}.gaps`], [`${w}.i`], to(DataType.INT32)),
      makeNode("CumSum", [`${w}.i`, `${w}.axis`], [`${w}.at`]),
      makeNode("ConstantOfShape", [`${w}.count`], [`${w}.zero`]),
      makeNode("ScatterElements", [`${w}.zero`, `${w}.at`, `${w}.v`], [`${w}.flat`]),
      makeNode("Reshape", [`${w}.flat`, `${w}.shape`], [w]),
    ],
    constants: [
      integerTensor(
        `${w}.gaps`,
        [120],
        DataType.UINT8,
        Uint8Array.from({ length: 120 }, () => random.within(1, 15)),
      ),
      integerTensor(`${w}.axis`, [], DataType.INT32, Int32Array.of(0)),
      int64Tensor(`${w}.count`, [COUNT]),
      floatTensor(`${w}.v`, [120], random.floats(120, 1)),
      int64Tensor(`${w}.shape`, [ROWS, COLUMNS]),
    ],
  }),
  (random, w) => ({
    nodes: [
      makeNode("Cast", [`${w}.m`], [`${w}.mask`], to(DataType.BOOL)),
      makeNode("Where", [`${w}.mask`, `${w}.row`, `${w}.none`], [w]),
    ],
    constants: [
      codes(random, `${w}.m`, DataType.UINT8, [ROWS, COLUMNS], 2),
      floatTensor(`${w}.row`, [1, COLUMNS], random.floats(COLUMNS, 1)),
      floatTensor(`${w}.none`, [], Float32Array.of(0)),
    ],
  }),
  // A matrix of cosines, as Fourier transforms have.
  (random, w) => ({
    nodes: [
      makeNode("Range", [`${w}.0`, `${w}.n`, `${w}.1`], [`${w}.range`]),
      makeNode("Mul", [`${w}.range`, `${w}.k`], [`${w}.angles`]),
      makeNode("Cos", [`${w}.angles`], [w]),
    ],
    constants: [
      floatTensor(`${w}.0`, [], Float32Array.of(0)),
      floatTensor(`${w}.n`, [], Float32Array.of(COLUMNS)),
      floatTensor(`${w}.1`, [], Float32Array.of(1)),
      floatTensor(`${w}.k`, [ROWS, 1], random.floats(ROWS, 1)),
    ],
  }),
];

function codes(random: Random, name: string, type: DataType, dims: readonly number[], limit: number): Tensor {
  const values = Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.below(limit));
  return integerTensor(name, dims, type, type === DataType.INT8 ? Int8Array.from(values, (v) => v - 127) : values);
}

/** A scale with as many values as its shape says. */
function fitted(tensor: Tensor): Tensor {
  const length = tensor.dims.reduce((a, b) => a * b, 1);
  return tensor.dataType === DataType.FLOAT
    ? floatTensor(
        tensor.name ?? "",
        tensor.dims,
        Float32Array.from({ length }, (_, k) => 0.004 + 0.0001 * (k % 7)),
      )
    : tensor;
}

/** y = f(x · w …): two to four weights behind chains, with other readers of a weight or of what it is made of. */
export function decodeModelOf(seed: number): Model {
  const random = new Random(seed);
  const functions: FunctionDef[] = [];
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const sums: string[] = [];
  for (let k = random.within(2, 4); k > 0; k--) {
    const w = `w${k}`;
    const { nodes: chain, constants } = random.pick(FORMS)(random, w);
    initializers.push(...constants);
    nodes.push(...(random.chance(0.3) ? [asCall(chain, w, constants, functions)] : chain));
    sums.push(...readers(random, w, constants[0]!, nodes));
  }
  nodes.push(makeNode("Sum", sums, ["y"]));
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }, ...(functions.length > 0 ? [{ domain: "local", version: 1n }] : [])],
    functions,
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      nodes,
      initializers,
      inputs: [tensorValue("x", DataType.FLOAT, [2, ROWS]), tensorValue("c", DataType.BOOL, [])],
      outputs: [tensorValue("y", DataType.FLOAT, [2, COLUMNS])],
    },
  };
}

/** Nodes that read the weight, and sometimes its source; names of values [2, COLUMNS] or scalars. */
function readers(random: Random, w: string, source: Tensor, nodes: Node[]): string[] {
  const product = (weight: string, output: string): Node => makeNode("MatMul", ["x", weight], [output]);
  const made = [`${w}.y`];
  if (random.chance(0.3)) {
    const branch = (name: string, ...inner: Node[]): Attribute =>
      attribute.graph(name, {
        ...emptyGraph(name),
        nodes: inner,
        outputs: [tensorValue(inner.at(-1)!.outputs[0]!, DataType.FLOAT, [2, COLUMNS])],
      });
    nodes.push(
      makeNode(
        "If",
        ["c"],
        [`${w}.y`],
        [
          branch("then_branch", product(w, `${w}.then`)),
          branch("else_branch", product(w, `${w}.p`), makeNode("Neg", [`${w}.p`], [`${w}.else`])),
        ],
      ),
    );
  } else nodes.push(product(w, `${w}.y`));
  if (random.chance(0.3)) {
    nodes.push(
      makeNode("Gather", [w, `${w}.row0`], [`${w}.first`]),
      makeNode("Cast", ["c"], [`${w}.row0`], to(DataType.INT64)),
    );
    nodes.splice(-2, 2, nodes.at(-1)!, nodes.at(-2)!);
    made.push(`${w}.first`);
  }
  if (random.chance(0.3)) {
    const name = source.name ?? "";
    nodes.push(
      makeNode("Cast", [name], [`${w}.src`], to(DataType.FLOAT)),
      makeNode("ReduceMax", [`${w}.src`], [`${w}.top`], [attribute.int("keepdims", 0)]),
      makeNode("Mul", [`${w}.top`, "x"], [`${w}.tx`]),
      makeNode("ReduceSum", [`${w}.tx`], [`${w}.sum`], [attribute.int("keepdims", 0)]),
    );
    made.push(`${w}.sum`);
  }
  return made;
}

/** The chain as a call of a function of its own. */
function asCall(chain: readonly Node[], w: string, constants: readonly Tensor[], functions: FunctionDef[]): Node {
  const inputs = constants.map(({ name = "" }) => name);
  functions.push({
    name: `F${functions.length}`,
    domain: "local",
    inputs,
    outputs: [w],
    nodes: [...chain],
    opsetImports: [{ domain: "", version: 17n }],
    attributeNames: [],
    attributeDefaults: [],
    valueInfo: [],
  });
  return { ...makeNode(functions.at(-1)!.name ?? "", inputs, [w]), domain: "local" };
}
