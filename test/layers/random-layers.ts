/**
 * Random layers: convolutions with groups, transposed ones, products and Gemm, with weights as floats or as
 * codes, behind nodes that move their values, alone or shared, with a bias in any form.
 */
import {
  attribute,
  DataType,
  floatTensor,
  int64Tensor,
  integerTensor,
  makeNode,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { model } from "../support/feed-models.js";
import type { Random } from "../support/random.js";

export type Form = "plain" | "dequantized" | "decoded";
export type Operator = "Conv" | "ConvTranspose" | "MatMul" | "left MatMul" | "Gemm";

export interface RandomLayer {
  readonly model: Model;
  readonly node: Node;
  readonly operator: Operator;
  /** Which input of the node is the weight. */
  readonly index: number;
  readonly form: Form;
  /** Dimensions of the input "x". */
  readonly inputDims: readonly number[];
  readonly bias: "none" | "float" | "codes";
  readonly isShared: boolean;
  /** Whether something that is no layer reads the constant too. */
  readonly isForeign: boolean;
}

/** An operator with the dimensions of its weight as it sees them, and of its input. */
interface Shape {
  readonly operator: Operator;
  readonly dims: readonly number[];
  readonly inputDims: readonly number[];
  readonly attributes: readonly ReturnType<typeof attribute.int>[];
  readonly channels: number;
  /** Axis of the outputs, where each has a scale of its own; undefined where groups share it. */
  readonly axis: number | undefined;
}

export function randomLayer(random: Random): RandomLayer {
  const shape = randomShape(random);
  const parts = new Parts(random);
  const form = random.pick<Form>(["plain", "dequantized", "decoded"]);
  const weight = parts.weight(shape, form);
  const index = shape.operator === "left MatMul" ? 0 : 1;
  const inputs = index === 0 ? [weight, "x"] : ["x", weight];
  const bias = random.pick<RandomLayer["bias"]>(["none", "float", "codes"]);
  const added = bias === "none" || index === 0 ? undefined : parts.bias(shape.channels, bias);
  const opType = index === 0 ? "MatMul" : shape.operator;
  const isProduct = opType === "MatMul";
  const make = (output: string): Node =>
    makeNode(
      opType,
      isProduct || added === undefined ? inputs : [...inputs, added],
      [output],
      shape.attributes,
    );
  const isShared = random.chance(0.3);
  const isForeign = random.chance(0.2);
  const first = isProduct && added !== undefined ? "p" : "y";
  const node = make(first);
  const nodes = [...parts.nodes];
  if (isForeign) nodes.push(makeNode("Shape", ["t"], ["foreign"]));
  if (isShared) nodes.push(make("z"));
  nodes.push(node);
  if (first === "p") nodes.push(makeNode("Add", random.chance(0.5) ? ["p", added!] : [added!, "p"], ["y"]));
  return {
    model: model(shape.inputDims, nodes, parts.constants),
    node,
    operator: shape.operator,
    index,
    form,
    inputDims: shape.inputDims,
    bias: added === undefined ? "none" : bias,
    isShared,
    isForeign,
  };
}

function randomShape(random: Random): Shape {
  const operator = random.pick<Operator>(["Conv", "ConvTranspose", "MatMul", "left MatMul", "Gemm"]);
  const [rows, columns] = [random.within(2, 5), random.within(2, 5)];
  const matrix = (dims: readonly number[], axis: number): Omit<Shape, "inputDims"> => ({
    operator,
    dims,
    attributes: [],
    channels: dims[axis]!,
    axis,
  });
  if (operator === "MatMul") return { ...matrix([columns, rows], 1), inputDims: [1, columns] };
  if (operator === "left MatMul") return { ...matrix([rows, columns], 0), inputDims: [columns, 1] };
  if (operator === "Gemm") {
    const isTransposed = random.chance(0.5);
    const dims = isTransposed ? [rows, columns] : [columns, rows];
    const attributes = isTransposed ? [attribute.int("transB", 1)] : [];
    return { ...matrix(dims, isTransposed ? 0 : 1), inputDims: [1, columns], attributes };
  }
  const groups = random.within(1, 3);
  const kernel = Array.from({ length: random.within(1, 2) }, () => random.within(1, 3));
  const [outputs, inputs] = [rows * groups, columns * groups];
  const common = { operator, attributes: [attribute.int("group", groups)], channels: outputs };
  // Of one position: a kernel over an input of its own size, or one value spread over a kernel.
  return operator === "Conv"
    ? { ...common, dims: [outputs, columns, ...kernel], inputDims: [1, inputs, ...kernel], axis: 0 }
    : {
        ...common,
        dims: [inputs, rows, ...kernel],
        inputDims: [1, inputs, ...kernel.map(() => 1)],
        axis: undefined,
      };
}

/** The nodes and constants before a layer. */
class Parts {
  readonly nodes: Node[] = [];
  readonly constants: Tensor[] = [];

  constructor(private readonly random: Random) {}

  /** The weight's name as the layer reads it; the constant is "t". */
  weight({ dims, axis }: Shape, form: Form): string {
    const order = this.random.chance(0.5) ? this.random.shuffled([...dims.keys()]) : [...dims.keys()];
    const stored = order.map((at) => dims[at]!);
    const isFlat = this.random.chance(0.4);
    const length = dims.reduce((product, dim) => product * dim, 1);
    const tensorDims = isFlat ? [1, length] : stored;
    this.constants.push(form === "plain" ? this.floats("t", tensorDims) : this.codes("t", tensorDims));
    let name = "t";
    if (isFlat) {
      this.constants.push(int64Tensor("stored_shape", stored));
      name = this.add("Reshape", [name, "stored_shape"]);
    }
    if (order.some((at, k) => at !== k)) {
      const inverse = dims.map((_, at) => order.indexOf(at));
      name = this.add("Transpose", [name], [attribute.ints("perm", inverse)]);
    }
    if (this.random.chance(0.3)) name = this.add("Identity", [name]);
    if (form === "plain") return name;
    return form === "dequantized" ? this.dequantize(name, dims, axis) : this.decode(name);
  }

  private dequantize(codes: string, dims: readonly number[], axis: number | undefined): string {
    const isPerChannel = axis !== undefined && this.random.chance(0.6);
    const shape = isPerChannel ? [dims[axis]!] : [];
    const scales = this.scales(shape[0] ?? 1, 1);
    this.constants.push(floatTensor("s", shape, scales));
    const inputs = [codes, "s"];
    if (this.random.chance(0.5)) {
      const zeros = Int8Array.from(scales, () => this.random.within(-5, 5));
      this.constants.push(integerTensor("zp", shape, DataType.INT8, zeros));
      inputs.push("zp");
    }
    const given = this.random.chance(0.3) ? axis! - dims.length : axis!;
    return this.add("DequantizeLinear", inputs, isPerChannel ? [attribute.int("axis", given)] : []);
  }

  private decode(codes: string): string {
    this.constants.push(floatTensor("s", [], this.scales(1, 1)));
    const real = this.add("Cast", [codes], [attribute.int("to", DataType.FLOAT)]);
    return this.add("Mul", [real, "s"]);
  }

  /** The name of a bias with one value for each channel. */
  bias(channels: number, form: "float" | "codes"): string {
    if (form === "float") {
      this.constants.push(this.floats("b", [channels]));
      return "b";
    }
    const codes = Int32Array.from({ length: channels }, () => this.random.within(-900, 900));
    const scales = this.scales(channels, 0.01);
    this.constants.push(integerTensor("bq", [channels], DataType.INT32, codes));
    this.constants.push(floatTensor("bs", [channels], scales));
    return this.add("DequantizeLinear", ["bq", "bs"], [attribute.int("axis", 0)]);
  }

  private scales(count: number, size: number): Float32Array {
    return this.random.floats(count, size).map((value) => Math.abs(value) + size / 10);
  }

  private floats(name: string, dims: readonly number[]): Tensor {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return floatTensor(name, dims, this.random.floats(length, 1));
  }

  private codes(name: string, dims: readonly number[]): Tensor {
    const length = dims.reduce((product, dim) => product * dim, 1);
    const codes = Int8Array.from({ length }, () => this.random.within(-100, 100));
    return integerTensor(name, dims, DataType.INT8, codes);
  }

  private add(
    opType: string,
    inputs: readonly string[],
    attributes: Parameters<typeof makeNode>[3] = [],
  ): string {
    const output = `v${this.nodes.length}`;
    this.nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }
}
