/** Weights that quantization has turned into integer codes. */
import { DataType, type GraphEditor, isOp, type Node } from "../../ir/index.js";
import { decodedView, weightView } from "../../ops/weight-view.js";
import { siteOf, weightFact, type WeightKind } from "../../ops/weights.js";
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
      const use = dequantizedUse(editor, node, inputIndex) ?? decodedUse(editor, node, inputIndex);
      if (use) yield use;
    }
    if (node.domain === "com.microsoft" ? CONTRIBUTED.includes(node.opType) : isOp(node, "MatMulInteger")) yield* integerUses(editor, node);
  }
}

function dequantizedUse(editor: GraphEditor, node: Node, inputIndex: number): WeightUse | undefined {
  const dequantize = editor.producer(node.inputs[inputIndex] ?? "");
  const fact = weightFact(node);
  if (!fact || !isOp(dequantize, "DequantizeLinear")) return undefined;
  const [codes = "", scale = "", zeroPoint = ""] = dequantize.inputs;
  const view = weightView(editor, codes);
  if (!view || view.dims.length < 2) return undefined;
  const site = siteOf(node, inputIndex, view, fact);
  return { ...site, path: [...view.path, dequantize], editor, coding: { scale, zeroPoint, dequantize } };
}

/** Codes that are read as floats: those of an embedding, and of a layer that computes in float. */
function decodedUse(editor: GraphEditor, node: Node, inputIndex: number): WeightUse | undefined {
  const fact = weightFact(node);
  const view = fact && decodedView(editor, node.inputs[inputIndex] ?? "");
  if (!view || view.dims.length < 2) return undefined;
  const scale = view.path.find((each) => isOp(each, "Mul"))?.inputs[1] ?? "";
  return { ...siteOf(node, inputIndex, view, fact), editor, coding: { scale, zeroPoint: "" } };
}

function* integerUses(editor: GraphEditor, node: Node): Generator<WeightUse> {
  for (const { kind, weight, scale, zeroPoint } of CODED_INPUTS[node.opType] ?? []) {
    const view = weightView(editor, node.inputs[weight] ?? "");
    if (!view || view.dims.length < 2
      || (view.dataType !== DataType.INT8 && view.dataType !== DataType.UINT8)) continue;
    const nameAt = (index: number | undefined): string => (index === undefined ? "" : node.inputs[index] ?? "");
    yield {
      ...view, node, inputIndex: weight, kind, channelAxis: view.dims.length - 1, depthwise: false, groups: 1,
        biasIndex: undefined,
      editor, coding: { scale: nameAt(scale), zeroPoint: nameAt(zeroPoint) },
    };
  }
}
