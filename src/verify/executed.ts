/** Describes what a runtime really executes, from the graph that it dumps after its own optimizations. */
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { isOp, nodeLabel, subgraphsOf, type Graph, type Model, type Node } from "../ir/index.js";
import { decodeModel } from "../onnx/index.js";
import type { RemoteRuntime } from "../runtime/index.js";
import { loaded } from "./readable-files.js";

export interface Executed {
  /** Convolutions, matrix products and recurrent layers that compute on 8-bit integers. */
  readonly int8Kernels: number;
  /** The same kinds, in floating point. */
  readonly floatKernels: number;
  /**
   * Matrix products with weights of 4 or 8 bits in blocks (MatMulNBits), whose activations may be rounded to
   * 8 bits.
   */
  readonly blockKernels: number;
  /** Other operators on 8-bit integers: additions, poolings, concatenations. */
  readonly otherInt8: number;
  /**
   * All remaining QuantizeLinear and DequantizeLinear nodes, except those at graph inputs and outputs and
   * decode nodes.
   */
  readonly strayQdq: number;
  readonly leftovers: Leftovers;
}

/** The nodes counted in `strayQdq`, by label. */
export interface Leftovers {
  /** Necessary conversions between an integer kernel and a float one. */
  readonly transitions: readonly string[];
  /** QuantizeLinear and DequantizeLinear pairs that only round: there is no kernel between them. */
  readonly roundTrips: readonly string[];
  /** DequantizeLinear on a constant: the weights are decoded again in every inference. */
  readonly weightDequantize: readonly string[];
  /**
   * Other nodes with only constant inputs (Cast, Gather, Mul, ScatterElements): storage forms that were not
   * folded.
   */
  readonly decodeNodes: readonly string[];
}

const INT8_COMPUTE: ReadonlySet<string> = new Set([
  "QLinearConv",
  "QLinearMatMul",
  "QGemm",
  "ConvInteger",
  "MatMulInteger",
  "MatMulIntegerToFloat",
  "DynamicQuantizeMatMul",
  "DynamicQuantizeLSTM",
  "QAttention",
]);
const FLOAT_COMPUTE: ReadonlySet<string> = new Set([
  "Conv",
  "FusedConv",
  "NhwcFusedConv",
  "ConvTranspose",
  "MatMul",
  "FusedMatMul",
  "Gemm",
  "FusedGemm",
  "LSTM",
  "GRU",
  "RNN",
  "Attention",
  "MultiHeadAttention",
  "GroupQueryAttention",
  "Einsum",
  "DeformConv",
]);
const OTHER_INT8 = /^QLinear|^QEmbed|^QMoE/;

/** Reads the graph of `RemoteRuntime.optimizedGraph`, bodies included. */
export function describeExecuted(model: Model): Executed {
  const tally = { int8: 0, float: 0, block: 0, otherInt8: 0 };
  const left = {
    transitions: [] as string[],
    roundTrips: [] as string[],
    weightDequantize: [] as string[],
    decodeNodes: [] as string[],
  };
  const visit = (graph: Graph, outer: ReadonlySet<string>): void => {
    const scope = new GraphView(graph, outer);
    for (const node of graph.nodes) {
      countKernel(node, tally);
      const kind = scope.leftover(node);
      if (kind) left[kind].push(nodeLabel(node));
      for (const body of subgraphsOf(node)) visit(body, scope.constants);
    }
  };
  visit(model.graph, new Set());
  return {
    int8Kernels: tally.int8,
    floatKernels: tally.float,
    blockKernels: tally.block,
    otherInt8: tally.otherInt8,
    strayQdq: Object.values(left).reduce((sum, names) => sum + names.length, 0),
    leftovers: left,
  };
}

/** What the runtime executes for a model, or null if it cannot show it. */
export async function readExecuted(
  runtime: RemoteRuntime,
  path: string,
  logger: Logger,
  name?: string,
): Promise<Executed | null> {
  try {
    return describeExecuted(
      decodeModel(await loaded(path, (file) => runtime.optimizedGraph(file, name ?? path))),
    );
  } catch (error) {
    if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
    logger.diagnostic?.({ id: "verify/no-executed-graph", severity: "info", message: error.message });
    return null;
  }
}

function countKernel(
  { opType }: Node,
  tally: { int8: number; float: number; block: number; otherInt8: number },
): void {
  if (INT8_COMPUTE.has(opType)) tally.int8++;
  else if (FLOAT_COMPUTE.has(opType)) tally.float++;
  else if (opType === "MatMulNBits") tally.block++;
  else if (OTHER_INT8.test(opType)) tally.otherInt8++;
}

/** Operators that pass values on unchanged; a conversion beyond them is still at the edge of the graph. */
const MOVERS = ["Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity"];

/** Looks up values in one graph of the dump. */
class GraphView {
  /** Names of values that do not depend on inputs. */
  readonly constants: ReadonlySet<string>;
  private readonly producers = new Map<string, Node>();
  private readonly consumers = new Map<string, Node[]>();
  private readonly inputs: ReadonlySet<string>;
  private readonly outputs: ReadonlySet<string>;
  private readonly roundTrips = new Map<string, boolean>();

  constructor(graph: Graph, outer: ReadonlySet<string>) {
    const constants = new Set([...outer, ...graph.initializers.map((tensor) => tensor.name ?? "")]);
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.producers.set(output, node);
      for (const input of node.inputs) addTo(this.consumers, input, node);
      if (node.opType === "Constant" || feedsOnlyOn(node, constants))
        for (const output of node.outputs) constants.add(output);
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

  /** Whether a quantized value is used only by DequantizeLinear. */
  private isRoundTrip(quantized: string): boolean {
    let known = this.roundTrips.get(quantized);
    if (known === undefined) {
      const users = this.consumers.get(quantized) ?? [];
      known = users.length > 0 && users.every(isDequantize);
      // Each of many users asks.
      this.roundTrips.set(quantized, known);
    }
    return known;
  }

  private comesFromInput(name: string): boolean {
    let from = name;
    for (;;) {
      const producer = this.producers.get(from);
      if (!producer || !isOp(producer, ...MOVERS)) return this.inputs.has(from);
      from = producer.inputs[0] ?? "";
    }
  }

  /** Whether all that the value goes to, if anything, leads to an output through movers alone. */
  private reachesOutput(name: string): boolean {
    const waiting = [name];
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      const users = this.consumers.get(value) ?? [];
      if (users.length === 0 && !this.outputs.has(value)) return false;
      for (const user of users) {
        if (!isOp(user, ...MOVERS) || user.inputs[0] !== value) return false;
        waiting.push(user.outputs[0] ?? "");
      }
    }
    return true;
  }
}

function feedsOnlyOn(node: Node, constants: ReadonlySet<string>): boolean {
  const inputs = node.inputs.filter((name) => name !== "");
  return inputs.length > 0 && inputs.every((name) => constants.has(name)) && subgraphsOf(node).length === 0;
}

/**
 * Checks only the name: onnxruntime has these operators in its own domain too, for 16-bit and other types.
 */
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
