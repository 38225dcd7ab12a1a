/**
 * Which operators have int8 kernels, and which codes those take: by default what becomes an int8 kernel on
 * onnxruntime's CPU provider when Q/DQ pairs stand around it, read from its QDQ selectors and checked on
 * 1.30. A pair around anything else is pure cost.
 */

/** How an operator takes part in int8. */
export const KERNEL_ROLES = ["layer", "requantizer", "mover", "clamp"] as const;
/**
 * - layer: multiplies by weights
 * - requantizer: takes codes of one scale and gives codes of another
 * - mover: moves codes unchanged, so input and output share their parameters and the pairs are dropped
 * - clamp: the saturation of the Q behind it can take over its effect, when the codes start at its bound
 */
export type KernelRole = (typeof KERNEL_ROLES)[number];

/** Signedness of codes. */
export const SIGNS = ["u8", "s8"] as const;
/** Where zero points may lie: in the middle of the codes alone, or anywhere. */
export const SYMMETRIES = ["symmetric", "any"] as const;
/** What one scale is for. */
export const GRANULARITIES = ["tensor", "channel"] as const;

/** The codes that a kernel takes for an operand. */
export interface OperandCodes {
  readonly signs: readonly (typeof SIGNS)[number][];
  readonly symmetry: (typeof SYMMETRIES)[number];
  readonly granularity: readonly (typeof GRANULARITIES)[number][];
}

export interface Int8Kernel {
  readonly role: KernelRole;
  readonly activations: OperandCodes;
  /** Of layers. */
  readonly weights?: OperandCodes;
}

/** By operator type; null says that the target has no int8 kernel of it, so that it stays in float. */
export type KernelTable = Readonly<Record<string, Int8Kernel | null>>;

const ACTIVATIONS: OperandCodes = { signs: ["u8", "s8"], symmetry: "any", granularity: ["tensor"] };
const LAYER: Int8Kernel = {
  role: "layer",
  activations: ACTIVATIONS,
  weights: { signs: ["s8", "u8"], symmetry: "any", granularity: ["tensor", "channel"] },
};
const REQUANTIZER: Int8Kernel = { role: "requantizer", activations: ACTIVATIONS };
const MOVER: Int8Kernel = { role: "mover", activations: ACTIVATIONS };
const CLAMP: Int8Kernel = { role: "clamp", activations: ACTIVATIONS };

export const CPU_KERNELS = {
  Conv: LAYER,
  MatMul: LAYER,
  Gemm: LAYER,
  LSTM: LAYER,
  Add: REQUANTIZER,
  Mul: REQUANTIZER,
  Concat: REQUANTIZER,
  AveragePool: REQUANTIZER,
  GlobalAveragePool: REQUANTIZER,
  LeakyRelu: REQUANTIZER,
  // A table of 256 codes: EfficientNet-B0, whose Swish is Sigmoid and Mul, takes 3.6 ms with it and 5.4 ms
  // with Sigmoid in float (1.32, VNNI).
  Sigmoid: REQUANTIZER,
  MaxPool: MOVER,
  Reshape: MOVER,
  Transpose: MOVER,
  Flatten: MOVER,
  Squeeze: MOVER,
  Unsqueeze: MOVER,
  Slice: MOVER,
  Expand: MOVER,
  Tile: MOVER,
  Relu: CLAMP,
  Clip: CLAMP,
} as const satisfies KernelTable;

/** Operators of a role in the default table. */
export function operatorsOf(role: KernelRole): string[] {
  return Object.entries(CPU_KERNELS).flatMap(([operator, kernel]) =>
    kernel.role === role ? [operator] : [],
  );
}

/**
 * Operators that edgec could compute in int8 and the target could not: it has no kernel of them, or none for
 * the codes that edgec writes (activations u8 with any zero point and one scale, weights s8 with theirs at 0).
 */
export function operatorsWithoutKernel(kernels: KernelTable): string[] {
  return Object.keys(CPU_KERNELS).filter((operator) => {
    const kernel = kernels[operator];
    return !kernel || !takesActivations(kernel.activations) || !takesWeights(kernel.weights);
  });
}

function takesActivations({ signs, symmetry, granularity }: OperandCodes): boolean {
  return signs.includes("u8") && symmetry === "any" && granularity.includes("tensor");
}

function takesWeights(codes: OperandCodes | undefined): boolean {
  return !codes || (codes.signs.includes("s8") && codes.granularity.includes("tensor"));
}

/** Whether all layers that the target computes in int8 take a scale for each output channel. */
export function takesChannelScales(kernels: KernelTable): boolean {
  return Object.values(kernels).every((kernel) => kernel?.weights?.granularity.includes("channel") ?? true);
}
