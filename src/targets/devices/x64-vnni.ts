/**
 * x64-vnni. Its costs were measured: single operators in onnxruntime 1.32, one thread, medians of interleaved
 * runs on an AMD EPYC with AVX512-VNNI. 3×3 convolutions of 16 to 128 channels 0.13 to 0.50, 1×1 0.30 to
 * 0.37, depthwise 1.0 to 1.5; MatMul of 16 to 128 rows on codes 0.28 to 0.50, with ranges at run time 0.29
 * to 0.54, of one row 0.9; LSTM 0.58; Add 1.0, Mul 1.3, Concat 2.0, GlobalAveragePool 0.6; Q and DQ 0.27
 * and 0.26 ns an element, a multiply-add 0.02 ns; convolutions of 3 channels 1.5 ns more for each position
 * of the kernel at each place.
 */
import type { RegisteredTarget } from "../registered-target.js";
import { GENERIC } from "./generic.js";
import { processorName } from "../machine.js";

/** AMX tiles multiply in 32 bits too, and every processor with them has VNNI. */
const VNNI = ["avx512_vnni", "avx_vnni"];
/** Processors with VNNI by name, for systems that list no features. */
const VNNI_MODELS = /\b1[1-4]th Gen Intel\b|\bCore\(TM\) Ultra\b/;

export const x64Vnni: RegisteredTarget = {
  profile: {
    ...GENERIC,
    name: "x64-vnni",
    description:
      "x86-64 with AVX512-VNNI or AVX-VNNI: Intel from Ice Lake and Alder Lake on, AMD from Zen 4 on",
    weightRange: "full",
    costs: {
      conv: 0.3,
      pointwiseConv: 0.35,
      depthwiseConv: 1.2,
      staticMatMul: 0.4,
      dynamicMatMul: 0.45,
      lstm: 0.58,
      requantizer: 1.3,
      gather: 80,
      quantize: 14,
      dequantize: 13,
    },
  },
  recognizes: (machine) => {
    if (machine.arch !== "x64") return undefined;
    const feature = VNNI.find((name) => machine.features?.has(name));
    if (feature !== undefined) return `${processorName(machine)} has ${feature}`;
    return !machine.features && VNNI_MODELS.test(machine.model)
      ? `${processorName(machine)} has VNNI`
      : undefined;
  },
};
