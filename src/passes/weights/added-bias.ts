/** The bias behind a weight: what can take up a shift of the mean that new weights bring. */
import { DataType, elementCount, floatAttribute, isOp, type Node, type Tensor, toFloat32 } from "../../ir/index.js";
import type { WeightLayer, WeightUse } from "./weight-layers.js";
import { withValues } from "./weight-values.js";

/** A float32 constant with one value for each row of the weight, which nothing else uses. */
export interface AddedBias {
  readonly use: WeightUse;
  readonly tensor: Tensor;
  /** What a shift of the operator's result costs in the bias: 1, alpha / beta of a Gemm, alpha of a FusedMatMul. */
  readonly factor: number;
}

/** The bias of a layer that one operator uses: its own input, or the constant of the Add behind a MatMul. */
export function addedBias({ uses, layout }: WeightLayer): AddedBias | undefined {
  const [use] = uses;
  if (uses.length > 1 || use.coding) return undefined;
  const found = use.kind === "matmul" ? biasOfAdd(use, layout.rows) : biasOfInput(use);
  if (!found || !isOwnVector(use, found.name, found.user, layout.rows)) return undefined;
  const tensor = use.editor.constant(found.name);
  return tensor && { use, tensor, factor: found.factor };
}

interface Found { readonly name: string; readonly user: Node; readonly factor: number }

function biasOfInput({ kind, node, biasIndex, inputIndex }: WeightUse): Found | undefined {
  const name = biasIndex === undefined ? "" : node.inputs[biasIndex] ?? "";
  if (name === "" || inputIndex !== 1 || (kind !== "conv" && kind !== "gemm")) return undefined;
  const factor = kind === "gemm" ? floatAttribute(node, "alpha", 1) / floatAttribute(node, "beta", 1) : 1;
  return Number.isFinite(factor) ? { name, user: node, factor } : undefined;
}

function biasOfAdd({ node, editor, inputIndex, dims }: WeightUse, rows: number): Found | undefined {
  if (inputIndex !== 1 || dims.length !== 2) return undefined;
  const output = node.outputs[0] ?? "";
  const add = editor.soleConsumer(output);
  if (!isOp(add, "Add")) return undefined;
  const name = add.inputs[add.inputs[0] === output ? 1 : 0] ?? "";
  const constant = editor.constant(name);
  return constant?.dims.at(-1) === rows ? { name, user: add, factor: floatAttribute(node, "alpha", 1) } : undefined;
}

/** Whether `name` is a vector of one float for each row that only `user` uses, once. */
function isOwnVector({ editor }: WeightUse, name: string, user: Node, rows: number): boolean {
  const tensor = editor.constant(name);
  if (tensor?.dataType !== DataType.FLOAT || elementCount(tensor) !== rows || tensor.dims.at(-1) !== rows) return false;
  // A bias of an enclosing graph may have users there that this scope does not see.
  return editor.graph.initializers.includes(tensor) && editor.soleConsumer(name) === user;
}

/** b ← b + factor · shift, with one shift for each row. Returns whether that changed anything. */
export function shiftBias({ use, tensor, factor }: AddedBias, shift: Float64Array): boolean {
  const values = toFloat32(tensor).map((b, row) => b + factor * shift[row]!);
  const changed = values.every(Number.isFinite) ? withValues(tensor, values) : tensor;
  if (changed !== tensor) use.editor.replaceInitializer(changed);
  return changed !== tensor;
}
