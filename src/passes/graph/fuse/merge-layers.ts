/**
 * Merges two consecutive linear layers into one if that takes fewer multiplications.
 *
 * Before: x → Conv 3×3 (64→128) → Conv 1×1 (128→16). After: x → Conv 3×3 (64→16). w = w₂ · w₁, b = w₂ · b₁ +
 * b₂, summed in float64 and rounded once; outputs differ by the rounding of the intermediate value, relative to
 * its size.
 *
 * Handles Gemm and MatMul with constant matrices in any combination, and Conv without groups if the second or
 * the first has a 1×1 kernel without padding (the first with stride 1, and without bias if the second pads:
 * padded zeros would have to become the bias). Nothing else may use the intermediate value. Left alone: a pair
 * that is cheaper unmerged, such as low-rank factors, and a Gemm that scales or transposes its input.
 */
import {
  attribute,
  floatAttribute,
  floatTensor,
  intAttribute,
  intsAttribute,
  isOp,
  makeNode,
  type Node,
  nodeLabel,
  setAttribute,
  stringAttribute,
  toFloat32,
} from "../../../ir/index.js";
import {
  fit,
  type Found,
  leaf,
  type Match,
  misfit,
  type Misfit,
  nodeThat,
  type Outcome,
  rule,
  type Scope,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { foldWithinBudget } from "./fold-budget.js";
import { fuseAll, type Fusion, type Place } from "./fusion.js";
import { writeLayer } from "./write-layer.js";
import type { Rewrite } from "./rewrite.js";
import { finite, type LayerValues, type LinearLayer, linearLayer } from "../../../layers/linear-layer.js";

/** Kinds of layers that can be merged with each other. */
const MERGED = ["Conv", "Gemm", "MatMul"] as const;

/** Most multiplications for computing one merged weight. */
const MAX_WORK = 2 ** 30;

interface Pair {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
}

const NAME = "merge-layers";

/** The layer that produces the value; for a MatMul with a bias, the producer is the Add. */
const firstLayer = leaf("the layer before", readFirst, { isSole: true });
const secondLayer = nodeThat(MERGED, [firstLayer], (node, found, { editor, isFixed }) => {
  const before = found.of(firstLayer);
  const read =
    isOp(node, "Conv") === isOp(before.node, "Conv")
      ? linearLayer(node, editor, undefined, isFixed)
      : undefined;
  return read?.inputs === before.outputs ? fit(read) : misfit("it is not a layer of the same kind");
});

const TWO_LAYERS: Fusion = { rule: rule({ pattern: secondLayer, anchor: secondLayer }), write };

export const mergeLayers = definePass<Record<string, never>>({
  name: NAME,
  description: "Merge two consecutive linear layers if one layer costs less",
  lossy: false,
  defaults: {},
  run(model) {
    return foldWithinBudget(model, { pass: NAME, stat: "layersMerged" }, (target, ledger) =>
      fuseAll(target, [TWO_LAYERS], { ledger }),
    );
  },
});

function readFirst(value: string, _: Found, { editor, isFixed }: Scope): Outcome<LinearLayer> {
  const maker = editor.producer(value);
  const before = isOp(maker, "Add")
    ? maker.inputs.map((name) => editor.producer(name)).find((other) => isOp(other, "MatMul"))
    : maker;
  // Cheaper to check than reading the layer.
  const isLayer = isOp(before, ...MERGED) && editor.soleConsumer(value) !== undefined;
  const read = isLayer ? linearLayer(before, editor, undefined, isFixed) : undefined;
  return read && read.last === maker
    ? fit(read)
    : misfit(`"${value}" does not come from a layer, or has other uses`);
}

function write({ found }: Match, { rewrite }: Place): Misfit | undefined {
  const pair = { first: found.of(firstLayer), second: found.of(secondLayer) };
  const layers = [pair.first, pair.second];
  const labels = layers.map((layer) => nodeLabel(layer.node));
  const merged = isOp(pair.second.node, "Conv")
    ? mergeConvolutions(pair, rewrite)
    : mergeProducts(pair, rewrite);
  if (!merged) return misfit("one layer would cost more than two, or cannot compute the same");
  for (const label of labels) rewrite.editor.recordProvenance(label, nodeLabel(merged));
  for (const { weight } of layers) rewrite.editor.recordProvenance(weight.name ?? "", merged.inputs[1] ?? "");
  return undefined;
}

function isPlain({ node }: LinearLayer): boolean {
  return intAttribute(node, "transA", 0) === 0 && floatAttribute(node, "alpha", 1) === 1;
}

/** The weight of a Gemm or MatMul as [inputs, outputs]. */
function matrixOf({ node, weight, inputs, outputs }: LinearLayer): Float32Array {
  const values = toFloat32(weight);
  if (intAttribute(node, "transB", 0) === 0) return values;
  return Float32Array.from(
    { length: values.length },
    (_, k) => values[(k % outputs) * inputs + Math.floor(k / outputs)] ?? 0,
  );
}

/** The layer that replaces both, or undefined if it costs more. */
function mergeProducts({ first, second }: Pair, rewrite: Rewrite): Node | undefined {
  const { inputs, outputs: hidden } = first;
  const { outputs } = second;
  if (
    inputs * outputs >= hidden * (inputs + outputs) ||
    inputs * hidden * outputs > MAX_WORK ||
    !isPlain(first) ||
    !isPlain(second)
  )
    return undefined;
  const matrix = matrixOf(second);
  const weight = product(matrixOf(first), matrix, inputs, hidden, outputs);
  const shift = product(first.bias, matrix, 1, hidden, outputs);
  const values = finite({
    weight: Float32Array.from(weight),
    bias: Float32Array.from(second.bias, (b, c) => b + shift[c]!),
  });
  return values && writeProduct({ first, second }, values, rewrite);
}

/**
 * A Gemm if one of the two is a Gemm, since its operands are then matrices. Otherwise a MatMul, with an Add if
 * there is a bias.
 */
function writeProduct({ first, second }: Pair, { weight, bias }: LayerValues, rewrite: Rewrite): Node {
  const x = first.node.inputs[0] ?? "";
  const label = nodeLabel(second.node);
  const sources = [second.weight.name ?? "", first.weight.name ?? ""] as const;
  const w = rewrite.deriveConstant(
    floatTensor(second.weight.name ?? "weight", [first.inputs, second.outputs], weight),
    ...sources,
  );
  const b = bias.some((value) => value !== 0)
    ? rewrite.addConstant(floatTensor(`${label}_bias`, [second.outputs], bias))
    : undefined;
  if (isOp(first.node, "Gemm") || isOp(second.node, "Gemm")) {
    const gemm = makeNode("Gemm", [x, w, ...(b === undefined ? [] : [b])], [""], [], second.node.name);
    rewrite.replace(second.last, gemm);
    return gemm;
  }
  const sum = b === undefined ? "" : rewrite.editor.uniqueName(`${label}_product`);
  const matMul = makeNode("MatMul", [x, w], [sum], [], second.node.name);
  if (b === undefined) rewrite.replace(second.last, matMul);
  else rewrite.replace(second.last, matMul, makeNode("Add", [sum, b], [""]));
  return matMul;
}

/** [rows, inner] · [inner, columns] in float64. */
function product(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < inner; k++) {
      const factor = a[r * inner + k]!;
      for (let c = 0; c < columns; c++) result[r * columns + c]! += factor * b[k * columns + c]!;
    }
  return result;
}

interface Geometry {
  readonly kernel: number;
  readonly strides: readonly number[];
  readonly isPadded: boolean;
  readonly isFitted: boolean;
}

function geometryOf({ node, weight }: LinearLayer): Geometry {
  const spatial = weight.dims.slice(2);
  return {
    kernel: spatial.reduce((count, dim) => count * dim, 1),
    strides: intsAttribute(node, "strides") ?? spatial.map(() => 1),
    isPadded: (intsAttribute(node, "pads") ?? []).some((pad) => pad !== 0),
    isFitted: stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME"),
  };
}

function mergeConvolutions(pair: Pair, rewrite: Rewrite): Node | undefined {
  const { first, second } = pair;
  if (first.groups !== 1 || second.groups !== 1 || first.weight.dims.length !== second.weight.dims.length)
    return undefined;
  const [one, two] = [geometryOf(first), geometryOf(second)];
  // Positions that the second computes, per position of the first.
  const density = 1 / two.strides.reduce((count, stride) => count * stride, 1);
  const kernel = Math.max(one.kernel, two.kernel);
  const apart =
    first.inputs * first.outputs * one.kernel + density * first.outputs * second.outputs * two.kernel;
  if (
    density * first.inputs * second.outputs * kernel >= apart ||
    first.inputs * first.outputs * second.outputs * kernel > MAX_WORK
  )
    return undefined;
  if (two.kernel === 1 && !two.isPadded && !two.isFitted && !(one.isFitted && density < 1))
    return mergePointwiseBehind(pair, one, two, rewrite);
  const isPointwise = one.kernel === 1 && !one.isPadded && one.strides.every((stride) => stride === 1);
  const keepsBorder = (!two.isPadded && !two.isFitted) || first.bias.every((value) => value === 0);
  return isPointwise && keepsBorder ? mergePointwiseBefore(pair, two.kernel, rewrite) : undefined;
}

/** The merged layer has the kernel of the first and the outputs of the second. */
function mergePointwiseBehind(
  { first, second }: Pair,
  one: Geometry,
  two: Geometry,
  rewrite: Rewrite,
): Node | undefined {
  const { outputs: hidden } = first;
  const weight = product(
    toFloat32(second.weight),
    toFloat32(first.weight),
    second.outputs,
    hidden,
    first.inputs * one.kernel,
  );
  const shift = product(toFloat32(second.weight), first.bias, second.outputs, hidden, 1);
  const values = finite({
    weight: Float32Array.from(weight),
    bias: Float32Array.from(second.bias, (b, c) => b + shift[c]!),
  });
  if (!values) return undefined;
  const { node } = first;
  const dims = [second.outputs, first.inputs, ...first.weight.dims.slice(2)];
  writeLayer({ ...first, weight: { ...first.weight, dims } }, values, rewrite, {
    weights: [second.weight.name ?? ""],
  });
  if (two.strides.some((stride) => stride !== 1))
    setAttribute(
      node,
      attribute.ints(
        "strides",
        one.strides.map((stride, k) => stride * (two.strides[k] ?? 1)),
      ),
    );
  const output = second.node.outputs[0] ?? "";
  rewrite.retire(second.node);
  rewrite.takeOutput(node, output);
  return node;
}

/** The merged layer has the kernel of the second and the inputs of the first. */
function mergePointwiseBefore({ first, second }: Pair, kernel: number, rewrite: Rewrite): Node | undefined {
  const { inputs, outputs: hidden } = first;
  const [inner, outer] = [toFloat32(first.weight), toFloat32(second.weight)];
  const weight = new Float64Array(second.outputs * inputs * kernel);
  const bias = Float64Array.from(second.bias);
  for (let o = 0; o < second.outputs; o++)
    for (let h = 0; h < hidden; h++)
      for (let k = 0; k < kernel; k++) {
        const factor = outer[(o * hidden + h) * kernel + k]!;
        bias[o]! += factor * first.bias[h]!;
        for (let i = 0; i < inputs; i++)
          weight[(o * inputs + i) * kernel + k]! += factor * inner[h * inputs + i]!;
      }
  const values = finite({ weight: Float32Array.from(weight), bias: Float32Array.from(bias) });
  if (!values) return undefined;
  const dims = [second.outputs, inputs, ...second.weight.dims.slice(2)];
  writeLayer({ ...second, weight: { ...second.weight, dims } }, values, rewrite, {
    weights: [first.weight.name ?? ""],
  });
  rewrite.setInput(second.node, 0, first.node.inputs[0] ?? "");
  return second.node;
}
