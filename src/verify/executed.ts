/** What a runtime really executes: a reading of the graph that it dumps after its own optimizations. */
import { isOp, nodeLabel, subgraphsOf, type Graph, type Model, type Node } from "../ir/index.js";

export interface Executed {
  /** Convolutions, matrix products and recurrent layers that compute on 8-bit integers. */
  readonly int8Kernels: number;
  /** The same kinds, in floating point. */
  readonly floatKernels: number;
  /** Products with weights of 4 or 8 bits in blocks (MatMulNBits); its activations may be rounded to 8 bits. */
  readonly blockKernels: number;
  /** Other operators on 8-bit integers: additions, poolings, concatenations. */
  readonly otherInt8: number;
  /** Every QuantizeLinear and DequantizeLinear that is left, but those at graph inputs and outputs, and decode nodes. */
  readonly strayQdq: number;
  readonly leftovers: Leftovers;
}

/** What `strayQdq` is made of: the labels of the nodes. */
export interface Leftovers {
  /** Between an integer kernel and a float one, where a conversion has to be. */
  readonly transitions: readonly string[];
  /** A QuantizeLinear or DequantizeLinear of a pair that only rounds: quantized and straight back, with no kernel between. */
  readonly roundTrips: readonly string[];
  /** DequantizeLinear on a constant: weights decoded again at every inference. */
  readonly weightDequantize: readonly string[];
  /** Other nodes fed by constants alone (Cast, Gather, Mul, ScatterElements): storage forms that were not folded. */
  readonly decodeNodes: readonly string[];
}

const INT8_COMPUTE: ReadonlySet<string> = new Set([
  "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
  "DynamicQuantizeLSTM", "QAttention",
]);
const FLOAT_COMPUTE: ReadonlySet<string> = new Set([
  "Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "MatMul", "FusedMatMul", "Gemm", "FusedGemm", "LSTM", "GRU", "RNN",
  "Attention", "MultiHeadAttention", "GroupQueryAttention", "Einsum", "DeformConv",
]);
const OTHER_INT8 = /^QLinear|^QEmbed|^QMoE/;

/** Reads the graph of `RemoteRuntime.optimizedGraph`, bodies included. */
export function describeExecuted(model: Model): Executed {
  const tally = { int8: 0, float: 0, block: 0, otherInt8: 0 };
  const left = { transitions: [] as string[], roundTrips: [] as string[], weightDequantize: [] as string[], decodeNodes: [] as string[] };
  const visit = (graph: Graph, outer: ReadonlySet<string>): void => {
    const scope = new Scope(graph, outer);
    for (const node of graph.nodes) {
      countKernel(node, tally);
      const kind = scope.leftover(node);
      if (kind) left[kind].push(nodeLabel(node));
      for (const body of subgraphsOf(node)) visit(body, scope.constants);
    }
  };
  visit(model.graph, new Set());
  return {
    int8Kernels: tally.int8, floatKernels: tally.float, blockKernels: tally.block, otherInt8: tally.otherInt8,
    strayQdq: Object.values(left).reduce((sum, names) => sum + names.length, 0), leftovers: left,
  };
}

function countKernel({ opType }: Node, tally: { int8: number; float: number; block: number; otherInt8: number }): void {
  if (INT8_COMPUTE.has(opType)) tally.int8++;
  else if (FLOAT_COMPUTE.has(opType)) tally.float++;
  else if (opType === "MatMulNBits") tally.block++;
  else if (OTHER_INT8.test(opType)) tally.otherInt8++;
}

/** Operators that hand values on unchanged; a conversion beyond them is still at the graph's edge. */
const MOVERS = ["Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity"];

/** Lookups in one graph of the dump. */
class Scope {
  /** Names whose values no input changes. */
  readonly constants: ReadonlySet<string>;
  private readonly producers = new Map<string, Node>();
  private readonly consumers = new Map<string, Node[]>();
  private readonly inputs: ReadonlySet<string>;
  private readonly outputs: ReadonlySet<string>;

  constructor(graph: Graph, outer: ReadonlySet<string>) {
    const constants = new Set([...outer, ...graph.initializers.map((tensor) => tensor.name ?? "")]);
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.producers.set(output, node);
      for (const input of node.inputs) addTo(this.consumers, input, node);
      if (node.opType === "Constant" || feedsOnlyOn(node, constants)) for (const output of node.outputs) constants.add(output);
    }
    this.constants = constants;
    this.inputs = new Set(graph.inputs.map((input) => input.name).filter((name) => !constants.has(name)));
    this.outputs = new Set(graph.outputs.map((output) => output.name));
  }

  leftover(node: Node): keyof Leftovers | undefined {
    const [data = ""] = node.inputs;
    const [result = ""] = node.outputs;
    if (isQuantize(node)) {
      if (this.comesFromInput(data)) return undefined;
      return this.isRoundTrip(result) ? "roundTrips" : "transitions";
    }
    if (isDequantize(node)) {
      if (this.constants.has(data)) return "weightDequantize";
      if (this.reachesOutput(result)) return undefined;
      const source = this.producers.get(data);
      return source && isQuantize(source) && this.isRoundTrip(data) ? "roundTrips" : "transitions";
    }
    return feedsOnlyOn(node, this.constants) ? "decodeNodes" : undefined;
  }

  /** Whether a quantized value only goes into DequantizeLinear. */
  private isRoundTrip(quantized: string): boolean {
    const users = this.consumers.get(quantized) ?? [];
    return users.length > 0 && users.every(isDequantize);
  }

  private comesFromInput(name: string): boolean {
    const producer = this.producers.get(name);
    return producer && isOp(producer, ...MOVERS) ? this.comesFromInput(producer.inputs[0] ?? "") : this.inputs.has(name);
  }

  private reachesOutput(name: string): boolean {
    const users = this.consumers.get(name) ?? [];
    if (users.length === 0) return this.outputs.has(name);
    return users.every((user) => isOp(user, ...MOVERS) && user.inputs[0] === name && this.reachesOutput(user.outputs[0] ?? ""));
  }
}

function feedsOnlyOn(node: Node, constants: ReadonlySet<string>): boolean {
  const inputs = node.inputs.filter((name) => name !== "");
  return inputs.length > 0 && inputs.every((name) => constants.has(name)) && subgraphsOf(node).length === 0;
}

/** By name alone: onnxruntime has these in its own domain too, for 16-bit and other types. */
function isQuantize(node: Node): boolean {
  return node.opType === "QuantizeLinear";
}

function isDequantize(node: Node): boolean {
  return node.opType === "DequantizeLinear";
}

function addTo(lists: Map<string, Node[]>, key: string, node: Node): void {
  const list = lists.get(key);
  if (list) list.push(node);
  else lists.set(key, [node]);
}
