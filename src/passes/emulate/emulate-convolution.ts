/** Emulates pair saturation in a convolution between Q/DQ pairs. */
import { type GraphEditor, intAttribute, type Node, stringAttribute, toNumbers } from "../../ir/index.js";
import { convolutionRows } from "../../numeric/affine.js";
import { pairsAtRisk } from "../../numeric/pair-saturation.js";
import { isClamp } from "../../ops/int8-kernels.js";
import { codedActivation, codedWeight } from "../../layers/coded-operands.js";
import { soleQuantization, zeroPointOf } from "../../layers/coding.js";
import { convolutionTaps, windowOf } from "./convolution-taps.js";
import { addToOutput, floatWeight } from "./float-layer.js";
import { pairCorrection } from "./pair-correction.js";
import type { LayerRisk } from "./layer-risk.js";

export function emulateConvolution(editor: GraphEditor, node: Node, opset: number): LayerRisk | undefined {
  const activation = codedActivation(editor, node.inputs[0] ?? "");
  const weight = codedWeight(editor, node, 1);
  if (!activation || !weight || weight.dims.length < 3 || !runsOnCodes(editor, node)) return undefined;
  const groups = intAttribute(node, "group", 1);
  const order = convolutionRows(weight.dims);
  // Depthwise kernels multiply in 16 bits and add in 32.
  if (weight.dims[1] === 1 && groups > 1) return { pairs: 0, atRisk: 0 };
  const risk = pairsAtRisk(weight.codes, order);
  const found = { pairs: risk.pairs, atRisk: risk.count };
  if (risk.count === 0) return found;
  const window = windowOf(node, weight.dims.slice(2));
  if (!window)
    return {
      ...found,
      uncovered:
        `its padding (auto_pad ${stringAttribute(node, "auto_pad", "NOTSET")}) depends on the ` +
        "size of its input",
    };
  const { nodes, taps } = convolutionTaps(editor, activation, window, weight.dims, groups, risk);
  const units = weight.scales.map((scale) => scale * activation.scale);
  const correction = pairCorrection(editor, { codes: weight.codes, order, risk, units }, taps, opset);
  editor.setInput(node, 1, floatWeight(editor, weight, 0));
  addToOutput(editor, node, [...nodes, ...correction.nodes], correction.output);
  return found;
}

/**
 * A convolution without a following QuantizeLinear runs in float. A clamp between the two is absorbed if the
 * codes start at its bound.
 */
function runsOnCodes(editor: GraphEditor, node: Node): boolean {
  const next = editor.soleConsumer(node.outputs[0]!);
  if (!isClamp(next)) return soleQuantization(editor, node.outputs[0]!) !== undefined;
  const quantize = soleQuantization(editor, next.outputs[0]!);
  if (!quantize) return false;
  const zero = zeroPointOf(editor, quantize);
  const code = zero ? toNumbers(zero)[0] : 0;
  return code === 0 || code === -128;
}
