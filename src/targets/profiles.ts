/**
 * The profiles that come with edgec.
 *
 * Costs of x64-vnni were measured: single operators in onnxruntime 1.32, one thread, medians of interleaved
 * runs on an AMD EPYC with AVX512-VNNI. 3×3 convolutions of 16 to 128 channels 0.13 to 0.50, 1×1 0.30 to
 * 0.37, depthwise 1.0 to 1.5; MatMul of 16 to 128 rows on codes 0.28 to 0.50, with ranges at run time 0.29
 * to 0.54, of one row 0.9; LSTM 0.58; Add 1.0, Mul 1.3, Concat 2.0, GlobalAveragePool 0.6; Q and DQ 0.27
 * and 0.26 ns an element, a multiply-add 0.02 ns; convolutions of 3 channels 1.5 ns more for each position
 * of the kernel at each place. Those of wasm as well, in onnxruntime-web 1.30 under Node on that machine,
 * chains of eight operators: 3×3 convolutions of 16 to 128 channels 0.48 to 0.66, 1×1 of 64 and 256 0.69
 * and 0.83, of 16 2.1, depthwise 1.5 to 2.8 at best and 2 to 9 in the median; MatMul of 64 rows on codes
 * 0.67, of 16 1.0, with ranges at run time 0.46 and 0.93; Add 1.6, Mul 1.8, Concat 3.1; Q and DQ together
 * 1.0 ns, a multiply-add 0.075 ns. Those of the others are estimates: figures of x64-vnni scaled to the
 * speed-ups of whole convolutional networks, about 1.6 on AVX2, 2.5 on ARM with dot products, 1.3 without
 * (onnxruntime issues 17389, 26564, 9902). Measure on the device before trusting them, and override them in
 * a profile of your own.
 *
 * None sets `minOrt`, `threads` or `memoryBytes`: they belong to one device rather than to a kind of
 * processor.
 */
import { FORMATS, type CostTable, type TargetProfile } from "./profile.js";

const AVX2_COSTS: CostTable = {
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
};

export const GENERIC: TargetProfile = {
  name: "generic",
  description: "any processor: the same answers everywhere, and fast where int8 is",
  activations: ["u8"],
  weightRange: "pair-guard",
  floatOperators: [],
  formats: FORMATS,
  costs: AVX2_COSTS,
};

export const PROFILES: readonly TargetProfile[] = [
  GENERIC,
  {
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
  {
    ...GENERIC,
    name: "x64-avx2",
    description:
      "x86-64 without VNNI: products are summed in pairs in 16 bits, which saturate for large weights",
  },
  {
    ...GENERIC,
    name: "arm64-dotprod",
    description:
      "64-bit ARM with dot products: Cortex-A76 and later, Raspberry Pi 5, Apple, Graviton 2 and later",
    activations: ["u8", "s8"],
    weightRange: "full",
    costs: {
      conv: 0.37,
      pointwiseConv: 0.4,
      depthwiseConv: 0.9,
      staticMatMul: 0.4,
      dynamicMatMul: 0.5,
      lstm: 0.6,
      requantizer: 1.2,
      gather: 30,
      quantize: 6,
      dequantize: 6,
    },
  },
  {
    ...GENERIC,
    name: "arm64",
    description: "64-bit ARM without dot products: Cortex-A53 and A72, Raspberry Pi 3 and 4",
    activations: ["u8", "s8"],
    // Products of two codes of −127 to 127 are added in pairs of at most 2·128·127, which fits int16.
    weightRange: "full",
    costs: {
      conv: 0.75,
      pointwiseConv: 0.8,
      depthwiseConv: 1,
      staticMatMul: 0.8,
      dynamicMatMul: 0.9,
      lstm: 0.9,
      requantizer: 1.2,
      gather: 20,
      quantize: 6,
      dequantize: 6,
    },
  },
  {
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
];
