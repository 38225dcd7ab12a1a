/** The bias that belongs to a weight, which can compensate a shift of the mean caused by new weights. */
import { floatAttribute, type Tensor, toFloat32 } from "../ir/index.js";
import { biasBehind, isFloatVector, storedBias, type StoredBias } from "./bias.js";
import type { Layer } from "./layer.js";
import type { WeightLayer } from "./weight-layers.js";
import { withValues } from "./weight-values.js";

/** A float32 constant with one value for each row of the weight, which nothing else uses. */
export interface AddedBias {
  readonly layer: Layer;
  readonly tensor: Tensor;
  /** The change of the bias per unit of shift: 1, alpha / beta of a Gemm, alpha of a FusedMatMul. */
  readonly factor: number;
}

/** The bias of a weight with a single user: the layer's own input, or the constant of the Add after a MatMul. */
export function addedBias({ uses, layout }: WeightLayer): AddedBias | undefined {
  const [layer] = uses;
  if (uses.length > 1 || layer.coding || layer.inputIndex !== 1) return undefined;
  const bias = layer.kind === "matmul" ? biasOfAdd(layer) : biasOfInput(layer);
  const factor = factorOf(layer);
  if (!bias || !Number.isFinite(factor) || !isOwnVector(layer, bias, layout.rows)) return undefined;
  return { layer, tensor: bias.tensor, factor };
}

function biasOfInput({ kind, node, editor, biasIndex }: Layer): StoredBias | undefined {
  if (biasIndex === undefined || (kind !== "conv" && kind !== "gemm")) return undefined;
  return storedBias(editor, node, biasIndex);
}

function biasOfAdd({ node, editor, dims }: Layer): StoredBias | undefined {
  return dims.length === 2 ? biasBehind(editor, node.outputs[0] ?? "") : undefined;
}

function factorOf({ kind, node }: Layer): number {
  const alpha = kind === "matmul" || kind === "gemm" ? floatAttribute(node, "alpha", 1) : 1;
  return kind === "gemm" ? alpha / floatAttribute(node, "beta", 1) : alpha;
}

/** Whether it is a vector with one float per row that only its user reads, exactly once. */
function isOwnVector({ editor }: Layer, bias: StoredBias, rows: number): boolean {
  // A bias of an enclosing graph may have users there that this scope cannot see.
  return (
    isFloatVector(bias, rows) &&
    editor.graph.initializers.includes(bias.tensor) &&
    editor.soleConsumer(bias.name) === bias.user
  );
}

/** b ← b + factor · shift, with one shift per row. Returns whether anything changed. */
export function shiftBias({ layer, tensor, factor }: AddedBias, shift: Float64Array): boolean {
  const values = toFloat32(tensor).map((b, row) => b + factor * shift[row]!);
  const changed = values.every(Number.isFinite) ? withValues(tensor, values) : tensor;
  if (changed !== tensor) layer.editor.replaceInitializer(changed);
  return changed !== tensor;
}
