/**
 * generic: any processor, and what the other profiles extend. Its costs are estimates: figures of x64-vnni
 * scaled to a speed-up of about 1.6 of whole convolutional networks on AVX2 (onnxruntime issues 17389, 26564,
 * 9902).
 */
import { CPU_KERNELS } from "../kernels.js";
import { FORMATS, type TargetProfile } from "../profile.js";
import type { RegisteredTarget } from "../registered-target.js";

export const GENERIC: TargetProfile = {
  name: "generic",
  description: "any processor: the same results everywhere, and fast where int8 is fast",
  activations: ["u8"],
  weightRange: "pair-guard",
  kernels: CPU_KERNELS,
  floatOperators: [],
  formats: FORMATS,
  costs: {
    conv: 0.6,
    pointwiseConv: 0.65,
    depthwiseConv: 1.2,
    staticMatMul: 0.65,
    dynamicMatMul: 0.7,
    lstm: 0.75,
    requantizer: 1.3,
    gather: 45,
    quantize: 8,
    dequantize: 7,
  },
};

/** No machine is recognized as it: it is what is left. */
export const generic: RegisteredTarget = { profile: GENERIC };
