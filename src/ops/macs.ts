/**
 * Counts the multiply-accumulates of an operator from the shapes of its inputs and outputs. Only matrix
 * products, convolutions, recurrences, contractions and attention count: elementwise operators, normalizations,
 * pooling, softmax and the biases are left out, as is usual where MACs are compared.
 */
import {
  intAttribute,
  intsAttribute,
  isStandard,
  stringAttribute,
  type Node,
  type TensorType,
} from "../ir/index.js";
import { staticCount } from "./shapes.js";

type Known = TensorType | undefined;
type Sizes = readonly number[] | undefined;

interface Call {
  readonly node: Node;
  readonly inputs: readonly Sizes[];
  readonly outputs: readonly Sizes[];
}

type Formula = (call: Call) => number | undefined;

const MICROSOFT = "com.microsoft";

/** MACs of the call; 0 for an operator that is not counted, undefined if the necessary sizes are not known. */
export function nodeMacs(
  node: Node,
  inputs: readonly Known[],
  outputs: readonly Known[],
): number | undefined {
  const formula = formulaOf(node);
  if (!formula) return 0;
  const macs = formula({ node, inputs: inputs.map(sizesOf), outputs: outputs.map(sizesOf) });
  return macs !== undefined && Number.isFinite(macs) ? macs : undefined;
}

function formulaOf(node: Node): Formula | undefined {
  const table = isStandard(node) ? STANDARD : node.domain === MICROSOFT ? CONTRIBUTED : undefined;
  return table && Object.hasOwn(table, node.opType) ? table[node.opType] : undefined;
}

function sizesOf(type: Known): Sizes {
  return staticCount(type?.shape) === undefined ? undefined : (type?.shape as number[]);
}

function product(sizes: Sizes): number | undefined {
  return sizes?.reduce((all, size) => all * size, 1);
}

function times(...factors: readonly (number | undefined)[]): number | undefined {
  return factors.reduce(
    (all, factor) => (all === undefined || factor === undefined ? undefined : all * factor),
    1,
  );
}

/** Every output element sums over a channel group's kernel: the weight is [out, in / groups, …kernel]. */
const convolution =
  (weight: number): Formula =>
  ({ inputs, outputs: [y] }) =>
    times(product(y), product(inputs[weight]?.slice(1)));

/** Every input element is spread over a channel group's kernel: the weight is [in, out / groups, …kernel]. */
const transposedConvolution: Formula = ({ inputs: [x, w] }) => times(product(x), product(w?.slice(1)));

/** Every output element sums over the inner axis, known from either factor. */
const matrixProduct =
  (left: number, right: number): Formula =>
  ({ node, inputs, outputs: [y] }) => {
    const [a, b] = [inputs[left], inputs[right]];
    const inner =
      a?.at(intAttribute(node, "transA", 0) === 0 || a.length < 2 ? -1 : -2) ??
      b?.at(intAttribute(node, "transB", 0) === 0 && b.length > 1 ? -2 : -1);
    return times(product(y) ?? productOfFactors(node, a, b), inner);
  };

/** Elements of a product whose output shape is not known, by numpy's rules for stacks of matrices. */
function productOfFactors(node: Node, a: Sizes, b: Sizes): number | undefined {
  if (!a || !b) return undefined;
  const rows = a.length < 2 ? 1 : a.at(intAttribute(node, "transA", 0) === 0 ? -2 : -1);
  const columns = b.length < 2 ? 1 : b.at(intAttribute(node, "transB", 0) === 0 ? -1 : -2);
  const [x, w] = [a.slice(0, -2), b.slice(0, -2)];
  const stacks = Array.from({ length: Math.max(x.length, w.length) }, (_, k) =>
    Math.max(x.at(-1 - k) ?? 1, w.at(-1 - k) ?? 1),
  );
  return times(rows, columns, ...stacks);
}

/** The weight is packed codes of a few bits; its shape is given by attributes. */
const packedMatrixProduct: Formula = ({ node, inputs: [x], outputs: [y] }) => {
  const [inner, columns] = [intAttribute(node, "K", undefined), intAttribute(node, "N", undefined)];
  return times(product(y) ?? times(product(x?.slice(0, -1)), columns), inner);
};

/**
 * Input and recurrent weights are used once for each step and sample. The gates' elementwise products are
 * not counted.
 */
const recurrence: Formula = ({ inputs: [x, w, r] }) => {
  const [input, state] = [product(w), product(r)];
  return times(
    product(x?.slice(0, 2)),
    input === undefined || state === undefined ? undefined : input + state,
  );
};

/**
 * Queries times keys and weights times values; [batch, heads, length, size], or [batch, length, heads ×
 * size].
 */
const attention: Formula = ({ inputs: [q, k, v, , pastKey], node }) => {
  if (!q || !k || !v || (node.inputs[4] && !pastKey)) return undefined;
  const past = pastKey?.[2] ?? 0;
  if (q.length === 4) return times(q[0], q[1], q[2], (k[2] ?? 0) + past, (q[3] ?? 0) + (v[3] ?? 0));
  // With fewer key than query heads, each head of values serves several heads of queries.
  const heads = intAttribute(node, "q_num_heads", 1);
  const keyHeads = intAttribute(node, "kv_num_heads", heads);
  return times(q[0], q[1], (k[1] ?? 0) + past, (q[2] ?? 0) + (heads / keyHeads) * (v[2] ?? 0));
};

const multiHeadAttention: Formula = ({ inputs: [q, k, v], node }) => {
  if (node.inputs[6] || !q || !k || !v || q.length !== 3 || k.length !== 3 || v.length !== 3)
    return undefined;
  return times(q[0], q[1], k[1], (q[2] ?? 0) + (v[2] ?? 0));
};

/** The projection to queries, keys and values by one weight, then attention of the sequence to itself. */
const selfAttention =
  (past: number): Formula =>
  ({ node, inputs: [x, w] }) => {
    if (node.inputs[past] || x?.length !== 3 || w?.length !== 2) return undefined;
    const [batch, length, inner] = x;
    const [q = (w[1] ?? 0) / 3, , v = q] = intsAttribute(node, "qkv_hidden_sizes") ?? [];
    const projection = times(batch, length, inner, w[1]) ?? 0;
    return projection + (times(batch, length, length, q + v) ?? 0);
  };

const contraction: Formula = ({ node, inputs }) => einsumMacs(stringAttribute(node, "equation", ""), inputs);

const STANDARD: Readonly<Record<string, Formula>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  DeformConv: convolution(1),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  MatMul: matrixProduct(0, 1),
  MatMulInteger: matrixProduct(0, 1),
  QLinearMatMul: matrixProduct(0, 3),
  Gemm: matrixProduct(0, 1),
  LSTM: recurrence,
  GRU: recurrence,
  RNN: recurrence,
  Einsum: contraction,
  Attention: attention,
};

const CONTRIBUTED: Readonly<Record<string, Formula>> = {
  FusedConv: convolution(1),
  NhwcFusedConv: convolution(1),
  QLinearConv: convolution(3),
  ConvTransposeWithDynamicPads: transposedConvolution,
  FusedMatMul: matrixProduct(0, 1),
  FusedGemm: matrixProduct(0, 1),
  TransposeMatMul: matrixProduct(0, 1),
  QGemm: matrixProduct(0, 3),
  DynamicQuantizeMatMul: matrixProduct(0, 1),
  MatMulIntegerToFloat: matrixProduct(0, 1),
  MatMulInteger16: matrixProduct(0, 1),
  MatMulNBits: packedMatrixProduct,
  MatMulBnb4: packedMatrixProduct,
  DynamicQuantizeLSTM: recurrence,
  Attention: selfAttention(4),
  QAttention: selfAttention(8),
  MultiHeadAttention: multiHeadAttention,
};

/**
 * A single operand multiplies nothing; n operands take n - 1 products for each combination of all labels.
 * Undefined for an equation that does not fit the shapes, or unknown shapes.
 */
function einsumMacs(
  equation: string,
  inputs: readonly (readonly number[] | undefined)[],
): number | undefined {
  const terms = (equation.split("->")[0] ?? "").replaceAll(/\s/g, "").split(",");
  if (terms.length !== inputs.length) return undefined;
  const sizes = new Map<string, number>();
  for (const [k, term] of terms.entries()) if (!note(term, inputs[k], sizes)) return undefined;
  return [...sizes.values()].reduce((all, size) => all * size, terms.length - 1);
}

/** Sizes by label; those of an ellipsis by their position from the end, because they are broadcast. */
function note(term: string, shape: readonly number[] | undefined, sizes: Map<string, number>): boolean {
  if (!shape) return false;
  const [front = "", back, extra] = term.split("...");
  const hidden = shape.length - front.length - (back?.length ?? 0);
  if (extra !== undefined || hidden < 0 || (back === undefined && hidden > 0)) return false;
  const labels = [
    ...Array.from(front),
    ...Array.from({ length: hidden }, (_, k) => `...${hidden - k}`),
    ...Array.from(back ?? ""),
  ];
  labels.forEach((label, axis) => sizes.set(label, Math.max(sizes.get(label) ?? 1, shape[axis] ?? 1)));
  return true;
}
