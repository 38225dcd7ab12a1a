/** Emulates pair saturation in fully connected layers, both between Q/DQ pairs and dynamically quantized. */
import {
  attribute,
  DataType,
  elementCount,
  floatAttribute,
  floatTensor,
  type GraphEditor,
  intAttribute,
  isOp,
  makeNode,
  type Node,
  toNumbers,
} from "../../ir/index.js";
import { matrixRows } from "../../numeric/affine.js";
import { pairsAtRisk } from "../../numeric/pair-saturation.js";
import { codedActivation, codedWeight, int8Codes, seenCodes, shiftOf } from "../../layers/coded-operands.js";
import { quantizerOf, zeroPointOf } from "../../layers/coding.js";
import { floatCodes } from "./convolution-taps.js";
import { addToOutput, floatWeight } from "./float-layer.js";
import { pairCorrection, type Taps } from "./pair-correction.js";
import type { LayerRisk } from "./layer-risk.js";

export function emulateDense(editor: GraphEditor, node: Node, opset: number): LayerRisk | undefined {
  const transposed = isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1;
  const channelAxis = transposed ? 0 : 1;
  const activation = codedActivation(editor, node.inputs[0] ?? "");
  const weight = codedWeight(editor, node, 1);
  if (!activation || weight?.dims.length !== 2) return undefined;
  const order = matrixRows(weight.dims as [number, number], transposed);
  const risk = pairsAtRisk(weight.codes, order);
  const found = { pairs: risk.pairs, atRisk: risk.count };
  if (risk.count === 0) return found;
  if (isOp(node, "Gemm") && intAttribute(node, "transA", 0) === 1)
    return { ...found, uncovered: "its input is transposed" };
  const factor = isOp(node, "Gemm") ? floatAttribute(node, "alpha", 1) : 1;
  const units = weight.scales.map((scale) => scale * activation.scale * factor);
  const nodes: Node[] = [];
  const taps = matrixTaps(floatCodes(editor, activation.codes, activation.shift, nodes));
  const correction = pairCorrection(editor, { codes: weight.codes, order, risk, units }, taps, opset);
  editor.setInput(node, 1, floatWeight(editor, weight, channelAxis));
  addToOutput(editor, node, [...nodes, ...correction.nodes], correction.output);
  return found;
}

function matrixTaps(name: string): Taps {
  return { name, axis: -1, spatialRank: 0, indexOf: (_, k) => k };
}

/**
 * MatMulInteger becomes a float product of the same integers. Sums up to 2²⁴ are exact; larger ones are off by
 * one part in 2²⁴, which multiplying by float32 scales rounds by anyway.
 */
export function emulateMatMulInteger(editor: GraphEditor, node: Node, opset: number): LayerRisk | undefined {
  const [codes = "", weightName = "", zeroName = "", weightZeroName = ""] = node.inputs;
  const weight = seenCodes(editor, weightName);
  if (weight?.dataType !== DataType.INT8 || weight.dims.length !== 2) return undefined;
  const order = matrixRows(weight.dims as [number, number], false);
  const values = int8Codes(weight);
  const risk = pairsAtRisk(values, order);
  const found = { pairs: risk.pairs, atRisk: risk.count };
  if (risk.count === 0) return found;
  const shift = codeShift(editor, codes);
  if (shift === undefined) return { ...found, uncovered: "the type of its input's codes is not known" };
  const weightZero = weightZeroName === "" ? undefined : editor.constant(weightZeroName);
  if (weightZeroName !== "" && (!weightZero || toNumbers(weightZero).some((zero) => zero !== 0)))
    return { ...found, uncovered: "its weight has a zero point" };
  const nodes: Node[] = [];
  const name = (suffix: string): string => editor.uniqueName(`sat_${suffix}`);
  const moved = floatCodes(editor, codes, shift, nodes);
  const centred = zeroName === "" && shift === 0 ? moved : subtractZero(editor, codes, zeroName, nodes);
  const correction = pairCorrection(
    editor,
    { codes: values, order, risk, units: new Float32Array(order.channels).fill(1) },
    matrixTaps(moved),
    opset,
  );
  const real = editor.addInitializer(floatTensor(name("w"), weight.dims, new Float32Array(values)));
  const [product, sum] = [name("plain"), name("total")];
  editor.replaceNode(
    node,
    ...nodes,
    ...correction.nodes,
    makeNode("MatMul", [centred, real], [product], [], node.name),
    makeNode("Add", [product, correction.output], [sum]),
    makeNode("Cast", [sum], [node.outputs[0]!], [attribute.int("to", DataType.INT32)]),
  );
  return found;
}

/** Codes minus their zero point, as floats. */
function subtractZero(editor: GraphEditor, codes: string, zero: string, nodes: Node[]): string {
  const plain = floatCodes(editor, codes, 0, nodes);
  if (zero === "") return plain;
  const centred = editor.uniqueName("sat_centred");
  nodes.push(makeNode("Sub", [plain, floatCodes(editor, zero, 0, nodes)], [centred]));
  return centred;
}

/** The offset that converts the codes to uint8, from the node that produces them. */
function codeShift(editor: GraphEditor, codes: string): number | undefined {
  const maker = quantizerOf(editor, codes);
  if (!maker) return undefined;
  if (maker.isDynamic) return 0;
  const zero = zeroPointOf(editor, maker.node);
  return zero && elementCount(zero) === 1 ? shiftOf(zero.dataType) : undefined;
}
