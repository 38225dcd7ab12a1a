/**
 * arm64-dotprod. Its costs are estimates: figures of x64-vnni scaled to a speed-up of about 2.5 of whole
 * convolutional networks (onnxruntime issues 17389, 26564, 9902).
 */
import type { RegisteredTarget } from "../registered-target.js";
import { GENERIC } from "./generic.js";
import { processorName } from "../machine.js";

const DOT_PRODUCT = "asimddp";
/** Processors with dot products by name, for systems that list no features. */
const DOT_PRODUCT_MODELS = /\bSnapdragon\(?R?\)? X\b|\bNeoverse\b|\bGraviton[2-9]\b|\bApple\b|\bAmpere\b/;

export const arm64DotProduct: RegisteredTarget = {
  profile: {
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
  recognizes: (machine) => {
    const { platform, arch, model, features } = machine;
    if (arch !== "arm64") return undefined;
    if (platform === "darwin") return "Apple's 64-bit processors in Macs have dot products";
    if (features?.has(DOT_PRODUCT)) return `${processorName(machine)} has ${DOT_PRODUCT}`;
    return !features && DOT_PRODUCT_MODELS.test(model)
      ? `${processorName(machine)} has dot products`
      : undefined;
  },
};
