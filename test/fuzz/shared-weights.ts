/**
 * Random models in which several branches share the constants of a layer, as heads for several levels of a pyramid do,
 * with scales and shifts of their own (or of all) behind and before the layer.
 */
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Feed,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { floats } from "../passes/graph/running.js";
import { Random } from "./random.js";

type LayerKind = "Conv" | "ConvTranspose" | "Gemm" | "MatMul";

interface Shape {
  readonly kind: LayerKind;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly dims: readonly number[];
}

/** What a model is put together in. */
class Heads {
  readonly nodes: Node[] = [];
  readonly constants: Tensor[] = [];
  private names = 0;

  constructor(readonly random: Random) {}

  name(stem: string): string {
    return `${stem}_${this.names++}`;
  }

  constant(stem: string, dims: readonly number[], scale = 0.5, offset = 0): string {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const name = this.name(stem);
    this.constants.push(
      floatTensor(
        name,
        dims,
        this.random.floats(count, scale).map((value) => value + offset),
      ),
    );
    return name;
  }

  add(opType: string, inputs: readonly string[], attributes: Node["attributes"] = []): string {
    const output = this.name(opType.toLowerCase());
    this.nodes.push(
      makeNode(opType, inputs, [output], attributes, this.random.chance(0.5) ? `${output}_node` : undefined),
    );
    return output;
  }
}

export interface SharedModel {
  readonly model: Model;
  readonly feed: Feed;
}

export function sharedWeights(seed: number): SharedModel {
  const heads = new Heads(new Random(seed));
  const { random } = heads;
  const shape = randomShape(random);
  const layers = Array.from({ length: random.within(1, 2) }, (_, k) =>
    sharedLayer(heads, k === 0 ? shape : { ...shape, inputs: shape.outputs }),
  );
  const common = random.chance(0.3) ? steps(heads, shape.outputs, shape) : undefined;
  const feed: Record<string, Feed[string]> = {};
  const outputs: string[] = [];
  for (let level = random.within(2, 5); level > 0; level--) {
    const input = `x${level}`;
    const size = isSpatial(shape) ? random.within(5, 8) : 2;
    const dims = isSpatial(shape) ? [1, shape.inputs, size, size] : [size, shape.inputs];
    feed[input] = floats(
      dims,
      random.floats(
        dims.reduce((a, b) => a * b, 1),
        1,
      ),
    );
    let value = random.chance(0.3) ? steps(heads, shape.inputs, shape)(input) : input;
    for (const layer of layers) {
      value = layer(value);
      if (random.chance(0.8)) value = (common ?? steps(heads, shape.outputs, shape))(value);
      if (random.chance(0.6)) value = heads.add("Relu", [value]);
    }
    outputs.push(heads.add("Tanh", [value]));
  }
  const graph = {
    ...emptyGraph("g"),
    nodes: heads.nodes,
    initializers: heads.constants,
    outputs: outputs.map((name) => tensorValue(name, DataType.FLOAT)),
    inputs: Object.entries(feed).map(([name, { dataType, dims }]) => tensorValue(name, dataType, dims)),
  };
  return {
    feed,
    model: {
      irVersion: 8n,
      opsetImports: [{ domain: "", version: 17n }],
      functions: [],
      trainingInfo: [],
      deviceConfigurations: [],
      graph,
    },
  };
}

function randomShape(random: Random): Shape {
  const kind = random.pick(["Conv", "ConvTranspose", "Gemm", "MatMul"] as const);
  const [inputs, outputs, kernel] = [random.within(1, 24), random.within(1, 24), random.pick([1, 3])];
  return { kind, inputs, outputs, kernel, dims: [] };
}

function isSpatial({ kind }: Shape): boolean {
  return kind === "Conv" || kind === "ConvTranspose";
}

/** A layer whose weight, and perhaps bias, all that call it share. */
function sharedLayer(heads: Heads, { kind, inputs, outputs, kernel }: Shape): (x: string) => string {
  const { random } = heads;
  const transB = kind === "Gemm" && random.chance(0.5);
  const matrix = kind === "Conv" || transB ? [outputs, inputs] : [inputs, outputs];
  const dims = kind === "Conv" || kind === "ConvTranspose" ? [...matrix, kernel, kernel] : matrix;
  const weight = heads.constant("w", dims);
  const ownWeight = random.chance(0.15);
  const bias = random.pick(["none", "shared", "own"] as const);
  const shared = bias === "shared" ? heads.constant("b", [outputs]) : "";
  const pads =
    random.chance(0.5) && kind !== "Gemm" && kind !== "MatMul"
      ? [attribute.ints("pads", new Array<number>(4).fill(kernel >> 1))]
      : [];
  return (x) => {
    const w = ownWeight ? heads.constant("w", dims) : weight;
    const b = bias === "none" ? "" : bias === "shared" ? shared : heads.constant("b", [outputs]);
    if (kind === "MatMul")
      return b === "" ? heads.add("MatMul", [x, w]) : heads.add("Add", [heads.add("MatMul", [x, w]), b]);
    return heads.add(kind, b === "" ? [x, w] : [x, w, b], transB ? [attribute.int("transB", 1)] : pads);
  };
}

/** One or two steps of a scale and a shift for each channel, with constants of their own. */
function steps(heads: Heads, channels: number, shape: Shape): (x: string) => string {
  const { random } = heads;
  const vector = isSpatial(shape) ? [channels, 1, 1] : [channels];
  const dims = random.chance(0.3) ? [] : vector;
  const made = Array.from({ length: random.within(1, 2) }, (): ((x: string) => string) => {
    const opType = random.pick(["BatchNormalization", "Mul", "Add", "Sub", "Div"]);
    if (opType === "BatchNormalization" && isSpatial(shape)) {
      const [scale, shift, mean] = ["s", "t", "m"].map((stem) => heads.constant(stem, [channels])) as [
        string,
        string,
        string,
      ];
      const variance = heads.constant("v", [channels], 0.4, 1);
      return (x) => heads.add("BatchNormalization", [x, scale, shift, mean, variance]);
    }
    const operand = heads.constant("k", dims, 0.4, 1);
    return (x) => heads.add(opType === "BatchNormalization" ? "Mul" : opType, [x, operand]);
  });
  return (x) => made.reduce((value, step) => step(value), x);
}
