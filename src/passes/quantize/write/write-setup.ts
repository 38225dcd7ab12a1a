/** Carries out a quantization setup: writes the int8 form of every graph, and reports the status of its nodes. */
import { type GraphEditor, isOp, type Node } from "../../../ir/index.js";
import { weightView } from "../../../layers/weight-view.js";
import type { NodeStatus } from "../../contract.js";
import type { GraphSetup, QuantizationSetup } from "../setup/quantization-setup.js";
import { quantizeLstm } from "./dynamic-lstm.js";
import { quantizeDynamically } from "./dynamic-matmul.js";
import { readFromCodes } from "./float-readers.js";
import { saturationRisk } from "./saturation-risk.js";
import { SharedCodes } from "./shared-codes.js";
import { insertStaticQdq } from "./static-qdq.js";
import { staticStatuses, status } from "./static-status.js";
import { type WeightOptions, weightOptions } from "./weight-codes.js";

interface WriteOptions {
  /** The calibrator that chose the ranges, for the status. */
  readonly calibrator: string;
  readonly saturation: "guard" | "ignore" | "seven-bit";
  /** Whether float readers of a weight dequantize the codes of int8 layers. */
  readonly oneCopy: boolean;
  /** Whether a user excluded the node, so that it must read floats. */
  readonly keepsFloats: (node: Node) => boolean;
}

interface Written {
  readonly counts: Counts;
  readonly nodes: readonly NodeStatus[];
}

interface Counts {
  staticNodes: number;
  dynamicNodes: number;
  quantizedTensors: number;
  pairsAtRisk: number;
}

export function writeSetup(setup: QuantizationSetup, options: WriteOptions): Written {
  const { graphs, form } = setup;
  const editors = graphs.map(({ editor }) => editor);
  const shared = noted(new SharedCodes(editors, options.oneCopy), editors);
  const counts: Counts = { staticNodes: 0, dynamicNodes: 0, quantizedTensors: 0, pairsAtRisk: 0 };
  const writer = new GraphWriter(setup, options, shared, counts);
  // Bodies first: rewriting a graph renames values that its bodies capture, and statistics use the measured
  // names.
  const byGraph = [...graphs]
    .reverse()
    .map((graph) => writer.write(graph))
    .reverse();
  const keepsFloats = (node: Node): string | undefined =>
    options.keepsFloats(node) ? "excluded" : undefined;
  const fromCodes = options.oneCopy ? readFromCodes(shared, keepsFloats, form.bitsOf ?? (() => 8)) : [];
  return { counts, nodes: [...byGraph.flat(), ...fromCodes] };
}

/** Records the readers of all layer weights. */
function noted(shared: SharedCodes, editors: readonly GraphEditor[]): SharedCodes {
  for (const editor of editors) {
    for (const node of editor.graph.nodes) {
      if (!isOp(node, "Conv", "MatMul", "Gemm", "LSTM")) continue;
      for (const name of node.inputs.slice(0, 3)) {
        const view = weightView(editor, name);
        if (view && view.dims.length > 1) shared.note(view.tensor);
      }
    }
  }
  return shared;
}

class GraphWriter {
  constructor(
    private readonly setup: QuantizationSetup,
    private readonly options: WriteOptions,
    private readonly shared: SharedCodes,
    private readonly counts: Counts,
  ) {}

  write(graph: GraphSetup): NodeStatus[] {
    const { computes, tensors } = graph.islands;
    if (computes.length > 0) this.counts.quantizedTensors += tensors.size;
    this.counts.staticNodes += computes.length;
    return [...this.writeStatic(graph), ...this.writeOthers(graph)];
  }

  private writeStatic({ editor, islands, activations }: GraphSetup): NodeStatus[] {
    if (!activations) return [];
    const forWeights = weightOptions(editor, islands.computes, this.setup.form);
    const statuses = staticStatuses(islands, activations, this.options.calibrator, (node) =>
      this.riskOf(editor, node, forWeights),
    );
    insertStaticQdq(editor, islands, activations.parameters, forWeights, this.shared);
    return statuses;
  }

  /** Layers that stay in float, and dynamically quantized ones. */
  private writeOthers({ editor, islands, layers }: GraphSetup): NodeStatus[] {
    const forWeights = weightOptions(editor, islands.dynamic, this.setup.form);
    const statuses: NodeStatus[] = [];
    for (const [node, layer] of layers) {
      if ("reason" in layer) statuses.push(status(node, "kept", layer.reason));
      else if (layer.arithmetic === "dynamic") {
        const risk = this.riskOf(editor, node, forWeights);
        statuses.push(
          status(node, "changed", `dynamic int8: the input's range is computed at run time${risk}`),
        );
        this.counts.dynamicNodes++;
        if (isOp(node, "LSTM")) quantizeLstm(editor, node, forWeights, this.shared);
        else quantizeDynamically(editor, node, forWeights, this.shared, islands.ranks.get(node));
      }
    }
    return statuses;
  }

  /**
   * Counts the weight pairs of a layer that could saturate with full-range codes, and describes whether they
   * still can.
   */
  private riskOf(editor: GraphEditor, node: Node, { reader }: WeightOptions): string {
    const { pairs, atRisk } = saturationRisk(editor, node, reader);
    this.counts.pairsAtRisk += atRisk;
    if (atRisk === 0) return "";
    return this.options.saturation === "ignore"
      ? `; ${atRisk} of ${pairs} pairs of weights can saturate without VNNI`
      : `; ${atRisk} of ${pairs} pairs of weights are kept from saturating`;
  }
}
