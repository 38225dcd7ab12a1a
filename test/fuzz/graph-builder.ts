/** Grows a graph of values whose shapes are known, with constants in all the ways that files hold them. */
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  floatToHalf,
  int64Tensor,
  integerTensor,
  makeNode,
  setAttribute,
  type Attribute,
  type Graph,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import type { Random } from "../support/random.js";

/** A value of the graph with the shape it has when the model runs. */
export interface Value {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
}

export interface Setting {
  readonly random: Random;
  readonly opset: number;
  /** FLOAT or FLOAT16: the type of everything that is not an index. */
  readonly float: number;
  /** Below 4, every initializer is a graph input too, and a body, which has no such inputs, has none. */
  readonly irVersion: bigint;
  /** Names that the model has, in any scope. */
  readonly taken: Set<string>;
  /** Draws names that are awkward. */
  readonly oddNames: boolean;
}

const ODD_STEMS = [
  "__proto__",
  "constructor",
  "w",
  "w_1",
  "x_scale",
  "y_bias",
  "a/b::c",
  "toString",
  "\u0007bell",
  "naïve",
  "x_quantized",
  "0",
  " ",
];

export function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];
  /** Float values made so far, the newest last. */
  readonly values: Value[] = [];
  private readonly constants: Value[] = [];

  constructor(
    readonly setting: Setting,
    readonly parent?: GraphBuilder,
  ) {}

  get random(): Random {
    return this.setting.random;
  }

  get opset(): number {
    return this.setting.opset;
  }

  /** A name that nothing bears. */
  name(stem: string): string {
    const { taken, oddNames, random } = this.setting;
    const base = oddNames && random.chance(0.4) ? random.pick(ODD_STEMS) : stem;
    let name = base;
    for (let k = 0; taken.has(name); k++) name = `${base}_${k}`;
    taken.add(name);
    return name;
  }

  /** Adds a node of one output of the given shape and returns that. */
  add(
    opType: string,
    inputs: readonly string[],
    dims: readonly number[],
    attributes: readonly Attribute[] = [],
    type = this.setting.float,
  ): Value {
    const value = { name: this.name(opType.toLowerCase()), dims, type };
    this.node(opType, inputs, [value.name], attributes);
    if (type === this.setting.float) this.values.push(value);
    return value;
  }

  node(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: readonly Attribute[] = [],
  ): Node {
    const name = this.nodeName(opType);
    const node = makeNode(opType, inputs, outputs, attributes, name);
    this.nodes.push(node);
    return node;
  }

  /**
   * Nodes may bear the names of values and of nodes in other graphs, or have none. In one graph onnxruntime
   * takes a name once.
   */
  private nodeName(opType: string): string | undefined {
    const { random } = this.setting;
    const name = random.chance(0.2)
      ? random.pick([opType, "n", this.values.at(-1)?.name ?? "n"])
      : `${opType}_${this.nodes.length}`;
    return random.chance(0.2) || this.nodes.some((node) => node.name === name) ? undefined : name;
  }

  /** A float constant; sometimes one that is there already. */
  floats(stem: string, dims: readonly number[], scale = 1): string {
    const same = this.constants.filter(
      (constant) => constant.dims.join() === dims.join() && constant.type === this.setting.float,
    );
    if (same.length > 0 && this.random.chance(0.3)) return this.random.pick(same).name;
    return this.constant(stem, this.floatTensor(dims, this.random.floats(count(dims), scale)));
  }

  /** A constant of values above zero, for variances and denominators. */
  positives(stem: string, dims: readonly number[]): string {
    return this.constant(
      stem,
      this.floatTensor(
        dims,
        this.random.floats(count(dims), 0.4).map((v) => v + 1),
      ),
      false,
    );
  }

  int64s(stem: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.constant(stem, int64Tensor("", values, dims), false);
  }

  scalar(stem: string, value: number): string {
    return this.constant(stem, this.floatTensor([], Float32Array.of(value)), false);
  }

  floatTensor(dims: readonly number[], values: Float32Array): Tensor {
    if (this.setting.float === DataType.FLOAT) return floatTensor("", dims, values);
    return integerTensor("", dims, DataType.FLOAT16, Uint16Array.from(values, floatToHalf));
  }

  /** An initializer, a Constant node, or either behind an Identity. */
  constant(stem: string, tensor: Tensor, isShared = true): string {
    const name = this.name(stem);
    if (this.random.chance(0.25) || (this.parent && this.setting.irVersion < 4n))
      this.node(
        "Constant",
        [],
        [name],
        [attribute.tensor("value", this.random.chance(0.5) ? tensor : { ...tensor, name: "value" })],
      );
    else this.initializers.push({ ...tensor, name });
    if (isShared) this.constants.push({ name, dims: tensor.dims, type: tensor.dataType });
    if (!this.random.chance(0.1)) return name;
    const copy = this.name(`${stem}_copy`);
    this.node("Identity", [name], [copy]);
    return copy;
  }

  /** A float value to go on from: mostly the newest, and in a body sometimes one from around it. */
  anyValue(accept: (value: Value) => boolean = () => true): Value | undefined {
    const own = this.values.filter(accept);
    const outer = this.parent?.visible().filter(accept) ?? [];
    if (own.length === 0 || (outer.length > 0 && this.random.chance(0.4)))
      return outer.length > 0 ? this.random.pick(outer) : undefined;
    return this.random.chance(0.8) ? own.at(-1) : this.random.pick(own);
  }

  /** Every float value that a body may take from here. */
  visible(): Value[] {
    return [...(this.parent?.visible() ?? []), ...this.values];
  }

  graph(name: string): Graph {
    return { ...emptyGraph(name), nodes: this.nodes, initializers: this.initializers };
  }
}

/** A node with one attribute changed or added. */
export function withAttribute(node: Node, value: Attribute): Node {
  setAttribute(node, value);
  return node;
}
