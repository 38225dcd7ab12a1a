/**
 * The chains that onnxruntime computes once at load. Each was run in onnxruntime-node and onnxruntime-web 1.30,
 * on 3,543 models in all: at levels basic and all, only the finished constant remains in the executed graph; at
 * level disabled, the chain runs at every inference. The decoded bytes were exact at each level. On the
 * fixtures lenet, resnet and mbv2, inference took as long as with dense constants; loading took longer (resnet
 * at 80 % zeros: 5 → 24 ms in onnxruntime-node, 6 → 55 ms in onnxruntime-web, on a busy two-core machine).
 *
 *   chain                                                             measured at opsets
 *   ConstantOfShape(value)                                            11, 13, 17, 21
 *   uint8 | uint16 → Cast(int32) → Gather                             11, 13, 17, 21
 *   uint4 → Cast(int32) → Gather                                      21
 *   words → [Cast] → Div → Mod → Gather → Reshape [→ Slice → Reshape] 11, 13, 17, 21
 *   uint8 → Cast → Div, Mod → Concat → Gather                         11, 13, 17, 21
 *   … → CumSum → ScatterElements(ConstantOfShape) → Reshape           11, 13, 17, 21
 *   … → CumSum → Mul → Gather → Reshape                               11, 13, 17, 21
 *   float16 | bfloat16 | int8 → Cast(float)                           11 (bfloat16: 13), 13, 17, 21
 *   steps → Div, Sub, Add, CumSum, Mul → Gather → ScatterElements     11, 13, 17, 21
 *   int8 → Cast(float) → Mul(scale)                                   9, 11, 13, 17, 21
 *   any of these → Split into constants                               11, 13, 17, 18, 21
 *   … → Cast(int32) → GatherElements → Reshape → Split                11, 13, 17, 18, 21
 *
 * The last two in onnxruntime 1.17.3 (up to 18) and 1.32, for float32, float16, int8 and uint8.
 *
 * A DequantizeLinear on a constant is deliberately not folded: that is what keeps QLinearConv after a chain
 * that ends in int8, and why float compute is reached through Cast and Mul instead.
 */

/**
 * Since 1.27 onnxruntime folds no node whose output is larger than this (session entry
 * `optimization.constant_folding_max_output_size_in_bytes`, 1 GiB unless set), nor one whose shape it
 * cannot infer.
 */
const FOLDING_LIMIT_BYTES = 2 ** 30;

/**
 * Functions of the model are files of IR version 8. onnxruntime inlines them before it folds constants
 * since 1.17 (measured: 1.17.3, 1.18.1, 1.30, 1.32; web 1.30); 1.16.3 folds every chain above, but none
 * within a function.
 */
export const FUNCTION_IR_VERSION = 8n;

/** CumSum and ScatterElements are operators from here on; Mod and Slice with inputs one version earlier. */
export const ENCODING_OPSET = 11;

/** UINT4 tensors: operator set 21, in files of IR version 10. */
export const UINT4_OPSET = 21;
export const UINT4_IR_VERSION = 10n;

/** Cast takes bfloat16. */
export const BFLOAT16_CAST_OPSET = 13;

/** Cast to float and a broadcasting Mul. */
export const INT8_STORAGE_OPSET = 9;

/**
 * Elements whose chain stays within the folding limit: no chain holds more than four bytes for one of them
 * at a time, and packing adds fewer than 64.
 */
export const MAX_FOLDABLE_ELEMENTS = FOLDING_LIMIT_BYTES / 4 - 64;
