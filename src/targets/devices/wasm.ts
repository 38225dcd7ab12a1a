/**
 * wasm. Its costs were measured in onnxruntime-web 1.30 under Node on an AMD EPYC with AVX512-VNNI, chains of
 * eight operators: 3×3 convolutions of 16 to 128 channels 0.48 to 0.66, 1×1 of 64 and 256 0.69 and 0.83, of
 * 16 2.1, depthwise 1.5 to 2.8 at best and 2 to 9 in the median; MatMul of 64 rows on codes 0.67, of 16 1.0,
 * with ranges at run time 0.46 and 0.93; Add 1.6, Mul 1.8, Concat 3.1; Q and DQ together 1.0 ns, a
 * multiply-add 0.075 ns.
 */
import type { RegisteredTarget } from "../registered-target.js";
import { GENERIC } from "./generic.js";

export const wasm: RegisteredTarget = {
  profile: {
    ...GENERIC,
    name: "wasm",
    description:
      "onnxruntime-web in WebAssembly: int8 makes the download small; faster with plain " +
      "convolutions, slower with depthwise ones",
    // Products are widened to 16 bits and added in 32 (i32x4.dot_i16x8), so that nothing saturates.
    weightRange: "full",
    costs: {
      conv: 0.5,
      pointwiseConv: 0.75,
      depthwiseConv: 3,
      staticMatMul: 0.8,
      dynamicMatMul: 0.7,
      lstm: 1,
      requantizer: 1.8,
      gather: 40,
      quantize: 7,
      dequantize: 6,
    },
  },
};
