/** Weights that quantization has turned into integer codes. */
import { DataType, emptyGraph, type Graph, GraphEditor, isOp, type Node, type Tensor } from "../../ir/index.js";
import { weightFact, weightSites, type WeightKind, type WeightSite } from "../../ops/weights.js";
import type { WeightUse } from "./weight-layers.js";

/** Where an operator on codes takes a weight, its scale and its zero point; outputs lie along the weight's last axis. */
interface CodedInput { readonly kind: WeightKind; readonly weight: number; readonly scale?: number; readonly zeroPoint: number }

const CODED_INPUTS: Readonly<Record<string, readonly CodedInput[]>> = {
  MatMulInteger: [{ kind: "matmul", weight: 1, zeroPoint: 3 }],
  DynamicQuantizeMatMul: [{ kind: "matmul", weight: 1, scale: 2, zeroPoint: 3 }],
  DynamicQuantizeLSTM: [{ kind: "recurrent", weight: 1, scale: 8, zeroPoint: 9 }, { kind: "recurrent", weight: 2, scale: 10, zeroPoint: 11 }],
};

/** onnxruntime's own operators among these; the others are standard. */
const CONTRIBUTED: readonly string[] = ["DynamicQuantizeMatMul", "DynamicQuantizeLSTM"];

export function* codedUses(editor: GraphEditor): Generator<WeightUse> {
  for (const node of editor.graph.nodes) {
    for (const inputIndex of weightFact(node)?.weights ?? []) {
      const use = dequantizedUse(editor, node, inputIndex);
      if (use) yield use;
    }
    if (node.domain === "com.microsoft" ? CONTRIBUTED.includes(node.opType) : isOp(node, "MatMulInteger")) yield* integerUses(editor, node);
  }
}

function dequantizedUse(editor: GraphEditor, node: Node, inputIndex: number): WeightUse | undefined {
  const dequantize = editor.producer(node.inputs[inputIndex] ?? "");
  if (!isOp(dequantize, "DequantizeLinear")) return undefined;
  const [codes = "", scale = "", zeroPoint = ""] = dequantize.inputs;
  const tensor = editor.constant(codes);
  const site = tensor && siteBehind(node, inputIndex, tensor);
  return site && { ...site, editor, coding: { scale, zeroPoint, dequantize } };
}

/** The site as it would be if the codes were the node's own constant. */
function siteBehind(node: Node, inputIndex: number, tensor: Tensor): WeightSite | undefined {
  const direct: Node = { ...node, inputs: node.inputs.map((_, k) => (k === inputIndex ? tensor.name ?? "" : "")) };
  const graph: Graph = { ...emptyGraph(), nodes: [direct], initializers: [tensor] };
  const alone = GraphEditor.forMainGraph({ opsetImports: [], graph, functions: [], trainingInfo: [], deviceConfigurations: [] });
  for (const site of weightSites(alone)) if (site.inputIndex === inputIndex) return { ...site, node };
  return undefined;
}

function* integerUses(editor: GraphEditor, node: Node): Generator<WeightUse> {
  for (const { kind, weight, scale, zeroPoint } of CODED_INPUTS[node.opType] ?? []) {
    const tensor = editor.constant(node.inputs[weight] ?? "");
    if (!tensor || tensor.dims.length < 2 || (tensor.dataType !== DataType.INT8 && tensor.dataType !== DataType.UINT8)) continue;
    const nameAt = (index: number | undefined): string => (index === undefined ? "" : node.inputs[index] ?? "");
    yield {
      node, inputIndex: weight, tensor, kind, channelAxis: tensor.dims.length - 1, depthwise: false, groups: 1, biasIndex: undefined,
      editor, coding: { scale: nameAt(scale), zeroPoint: nameAt(zeroPoint) },
    };
  }
}
