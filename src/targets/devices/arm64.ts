/**
 * arm64: whatever 64-bit ARM is not known to have dot products. Its costs are estimates: figures of x64-vnni
 * scaled to a speed-up of about 1.3 of whole convolutional networks (onnxruntime issues 17389, 26564, 9902).
 */
import type { RegisteredTarget } from "../registered-target.js";
import { GENERIC } from "./generic.js";
import { processorName } from "../machine.js";

export const arm64: RegisteredTarget = {
  profile: {
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
  recognizes: (machine) =>
    machine.arch !== "arm64"
      ? undefined
      : `${processorName(machine)}${machine.features ? " has no" : ": not known to have"} dot products`,
};
