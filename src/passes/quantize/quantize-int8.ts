/**
 * quantize-int8: computes in int8 wherever onnxruntime has a kernel for it.
 *
 *   Conv(x, W, b)   →   Q ─▶ DQ ─▶ Conv(·, DQ(W int8), DQ(b int32)) ─▶ Q ─▶ DQ      (runs as one QLinearConv)
 *   MatMul(x, W)    →   DynamicQuantizeLinear ─▶ MatMulInteger ─▶ Cast ─▶ Mul        (one
 *   DynamicQuantizeMatMul) LSTM            →   DynamicQuantizeLSTM
 *
 * With calibration data, convolutions and the operators that join them (islands.ts) are quantized statically:
 * uint8 activations, int8 weights per output channel (or per tensor on request), int32 biases. Fully connected
 * layers without a quantized input, and LSTMs, are quantized dynamically, with or without data. Convolutions
 * never are, because that is slower than float on every CPU measured. By default, weights are chosen so that
 * 16-bit sums cannot saturate, and the file gives the same results on CPUs without VNNI.
 *
 * Handles every scope: islands in the body of an If, Loop or Scan form as in a separate graph, and captured
 * values are quantized inside. onnxruntime fuses Q/DQ pairs in bodies too: four 3 × 3 convolutions of 32
 * channels run 2.9 times as fast there as in float, as they do in the main graph (1.32, AVX-512 VNNI, one
 * thread). GRU and RNN, ConvTranspose, and layers whose weights or biases are computed stay in float, each with
 * its reason. onnxruntime may still run an excluded Add or Concat in int8 if all of its neighbours are
 * quantized: exclude the neighbours as well. Needs operator set 13 for convolutions, 11 for the rest. Source of
 * the method: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-
 * only inference" (CVPR 2018); the fused forms are onnxruntime's.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { type Model, opsetVersion, setOpsetVersion } from "../../ir/index.js";
import { type Calibrator, CALIBRATORS, DEFAULT_PERCENTILE } from "../../numeric/calibrators.js";
import type { StatisticRequest } from "../../numeric/statistics.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../ops/int8-kernels.js";
import type { PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { raiseOpset } from "../graph/upgrade-opset.js";
import { histogramRequests } from "./setup/activation-parameters.js";
import { exclusionsOf } from "./setup/excluded-nodes.js";
import { INT8_FORMATS } from "./setup/int8-formats.js";
import { quantizationSetup, type SetupOptions, takesStaticCodes } from "./setup/quantization-setup.js";
import { validateWeightBits, WEIGHT_BITS_DEFAULTS } from "./setup/weight-bits.js";
import { writeSetup } from "./write/write-setup.js";
import { option } from "../../option-names.js";

export interface QuantizeInt8Options extends Required<SetupOptions> {
  /** How the range of an activation is derived from its histogram. */
  readonly calibrator: Calibrator;
  /** Percentage of values that the percentile calibrator keeps. */
  readonly percentile: number;
  /**
   * Whether float readers of a weight dequantize the codes of int8 layers, so that the file holds the weight
   * once.
   */
  readonly oneCopy: boolean;
  /**
   * Names in `exclude` that a search left in float: their weights may be dequantized from the codes of other
   * layers.
   */
  readonly leftInFloat: readonly string[];
}

const NAME = "quantize-int8";
const SATURATIONS: readonly string[] = ["guard", "ignore", "seven-bit"];

export const quantizeInt8 = definePass<QuantizeInt8Options>({
  name: NAME,
  description:
    "Compute in int8: statically with calibration data, dynamically for fully connected layers and LSTM",
  flag: {
    syntax: "--int8",
    help: "quantize to int8 wherever onnxruntime has int8 kernels",
    parse: () => ({}),
  },
  lossy: true,
  isSearched: true,
  forms: { float: "leftInFloat", dynamic: "dynamic" },
  defaults: {
    calibrator: "mse",
    percentile: DEFAULT_PERCENTILE,
    saturation: "guard",
    formats: INT8_FORMATS,
    floatOperators: [],
    perChannel: true,
    oneCopy: true,
    exclude: [],
    leftInFloat: [],
    dynamic: [],
    ...WEIGHT_BITS_DEFAULTS,
  },
  validate,
  statistics: (model, options) => requests(model, options),
  run: quantizeModel,
});

function validate(options: QuantizeInt8Options): void {
  const { calibrator, percentile, saturation, formats } = options;
  if (!CALIBRATORS.includes(calibrator)) {
    throw new EdgecError(
      "BAD_OPTION",
      `there is no calibrator "${calibrator}".${suggestion(calibrator, CALIBRATORS)} Use ` +
        `one of ${CALIBRATORS.join(", ")}.`,
    );
  }
  if (!SATURATIONS.includes(saturation))
    throw new EdgecError(
      "BAD_OPTION",
      `saturation must be one of ${SATURATIONS.join(", ")}, not ` +
        `"${saturation}".${suggestion(saturation, SATURATIONS)}`,
    );
  const unknown = formats.find((format) => !INT8_FORMATS.includes(format));
  if (unknown !== undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `there is no int8 format "${unknown}".${suggestion(unknown, INT8_FORMATS)} Use some ` +
        `of ${INT8_FORMATS.join(", ")}.`,
    );
  if (!(percentile > 50 && percentile <= 100))
    throw new EdgecError("BAD_OPTION", `percentile must be above 50 and at most 100, not ${percentile}.`);
  validateWeightBits(options);
}

function requests(model: Model, options: QuantizeInt8Options): StatisticRequest[] {
  if (!takesStaticCodes(model, options)) return [];
  const { graphs } = quantizationSetup(model, options, "to come", NAME);
  return graphs.flatMap(({ editor, islands }) => histogramRequests(editor, islands));
}

function quantizeModel(model: Model, options: QuantizeInt8Options, context: PassContext): PassResult {
  const { calibrator, percentile, exclude, leftInFloat } = options;
  const opset = opsetVersion(model);
  const statistics = takesStaticCodes(model, options) ? context.statistics : undefined;
  const ranges = statistics ? { statistics, calibrator, percentile } : "none";
  const setup = quantizationSetup(model, options, ranges, NAME);
  if (opset < DYNAMIC_OPSET) return refuseOldOpset(opset);
  const asked = exclude.filter((name) => !leftInFloat.includes(name));
  const { counts, nodes } = writeSetup(setup, { ...options, keepsFloats: exclusionsOf(model, asked, NAME) });
  if (nodes.some(({ opType, status }) => opType === "LSTM" && status === "changed"))
    setOpsetVersion(model, 1, "com.microsoft");
  const takesStatic = options.formats.includes("static-qdq");
  const lacksData = !statistics && takesStatic && nodes.some(({ opType }) => opType === "Conv");
  return {
    modified: counts.staticNodes + counts.dynamicNodes > 0,
    stats: { ...counts },
    nodes,
    diagnostics: lacksData ? [needsData(opset)] : [],
  };
}

function needsData(opset: number): Diagnostic {
  const message =
    opset < PER_CHANNEL_OPSET
      ? `The model uses operator set ${opset}; int8 convolutions need ${PER_CHANNEL_OPSET}, ` +
        "and it could not be upgraded."
      : "Without calibration data, convolutions stay in float. Give about 100 typical inputs with " +
        `${option("calib")} to compute them in int8, up to 3 times faster.`;
  return { id: "quantize-int8/needs-data", severity: "warning", message };
}

function refuseOldOpset(opset: number): PassResult {
  const message = `The model uses operator set ${opset}; int8 kernels need ${DYNAMIC_OPSET}. ${raiseOpset()}`;
  return {
    modified: false,
    stats: {},
    nodes: [],
    diagnostics: [{ id: "quantize-int8/old-opset", severity: "warning", message }],
  };
}
