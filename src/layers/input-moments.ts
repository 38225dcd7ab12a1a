/** Requests and reads the moments of a layer's inputs, which fitting its weights needs. */
import { intAttribute, intsAttribute, type Model, type Node, stringAttribute } from "../ir/index.js";
import type { InputMoments } from "../numeric/least-squares.js";
import type { Gram, GramRequest, RowLayout, Statistics, StoredGram } from "../numeric/statistics.js";
import { inferTypes, type TypeMap } from "../ops/shapes.js";
import type { WeightLayer } from "./weight-layers.js";
import { dynamicSource } from "./coding.js";
import type { Layer } from "./layer.js";

/**
 * Gram requests for the uses whose inputs can be measured: in the main graph, with rows that layouts describe.
 * @param mayBeRows whether layers of one use take few rows instead of their matrix; see `inputRows`
 */
export function gramRequests(
  model: Model,
  layers: readonly WeightLayer[],
  { mayBeRows = false } = {},
): Map<Layer, GramRequest> {
  const types = inferTypes(model.graph);
  const requests = new Map<Layer, GramRequest>();
  for (const { uses } of layers) {
    for (const use of uses) {
      const request = use.editor.graph === model.graph ? gramRequest(use, types) : undefined;
      if (request) requests.set(use, mayBeRows && uses.length === 1 ? { ...request, mayBeRows } : request);
    }
  }
  return requests;
}

function gramRequest(use: Layer, types: TypeMap): GramRequest | undefined {
  const { node, kind, inputIndex, dims, editor } = use;
  // The input of an operator on codes is measured before its quantization.
  const operand = node.inputs[0] ?? "";
  const tensorName = dynamicSource(editor, operand) ?? operand;
  const lastAxis = (name: string | undefined): GramRequest | undefined =>
    name ? { kind: "gram", tensor: name, layout: { type: "lastAxis" } } : undefined;
  switch (kind) {
    case "conv": {
      const layout = convolutionRows(use, types);
      return layout && { kind: "gram", tensor: tensorName, layout };
    }
    case "matmul":
      return inputIndex === 1 && dims.length === 2 && intAttribute(node, "transA", 0) === 0
        ? lastAxis(tensorName)
        : undefined;
    case "gemm":
      return inputIndex === 1 && intAttribute(node, "transA", 0) === 0 ? lastAxis(tensorName) : undefined;
    // Recurrent weights (input 2) multiply the hidden state, whose sequence is output Y.
    case "recurrent":
      return lastAxis(inputIndex === 1 ? tensorName : node.outputs[0]);
    default:
      return undefined;
  }
}

/** The im2col rows of a Conv, or undefined if its padding depends on an unknown size. */
function convolutionRows({ node, dims, groups }: Layer, types: TypeMap): RowLayout | undefined {
  const kernel = intsAttribute(node, "kernel_shape") ?? dims.slice(2);
  const rank = kernel.length;
  const strides = intsAttribute(node, "strides") ?? new Array<number>(rank).fill(1);
  const dilations = intsAttribute(node, "dilations") ?? new Array<number>(rank).fill(1);
  const pads = padding(node, kernel, strides, dilations, types);
  return pads && { type: "convolution", kernel, strides, dilations, pads, groups };
}

function padding(
  node: Node,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
  types: TypeMap,
): number[] | undefined {
  const mode = stringAttribute(node, "auto_pad", "NOTSET");
  const none = new Array<number>(2 * kernel.length).fill(0);
  if (mode === "VALID") return none;
  if (mode === "NOTSET" || mode === "") return intsAttribute(node, "pads") ?? none;
  const spatial = types.get(node.inputs[0] ?? "")?.shape?.slice(2) ?? [];
  if (spatial.length !== kernel.length || spatial.some((size) => typeof size !== "number")) return undefined;
  const totals = kernel.map((k, axis) => {
    const size = spatial[axis] as number;
    const outputs = Math.ceil(size / strides[axis]!);
    return Math.max(0, (outputs - 1) * strides[axis]! + (k - 1) * dilations[axis]! + 1 - size);
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total, axis) => total - small[axis]!);
  return mode === "SAME_LOWER" ? [...large, ...small] : [...small, ...large];
}

/** The file with the measured inputs of a layer of one use, if there is one that suits its weights. */
export function inputFile(
  { uses, layout, isUniform }: WeightLayer,
  requests: ReadonlyMap<Layer, GramRequest>,
  statistics: Statistics | undefined,
): StoredGram | undefined {
  const request = uses.length === 1 && isUniform ? requests.get(uses[0]) : undefined;
  const file = request && statistics?.fileOf(request);
  return file?.size === layout.columns && file.groups === layout.groups && file.rows > 0 ? file : undefined;
}

/** The inputs of a layer of one use that were measured as rows. */
export function inputRows(
  { uses, layout, isUniform }: WeightLayer,
  requests: ReadonlyMap<Layer, GramRequest>,
  statistics: Statistics | undefined,
): Pick<Gram, "samples" | "means"> | undefined {
  const request = uses.length === 1 && isUniform ? requests.get(uses[0]) : undefined;
  const gram = request && statistics?.get(request);
  return gram?.size === layout.columns && gram.samples?.length === layout.groups ? gram : undefined;
}

/**
 * Moments of the inputs, one per group, over all uses; undefined unless every use was measured and has the same
 * rows.
 */
export function inputMoments(
  layer: WeightLayer,
  requests: ReadonlyMap<Layer, GramRequest>,
  statistics: Statistics | undefined,
): InputMoments[] | undefined {
  const { groups, columns } = layer.layout;
  const grams: Gram[] = [];
  if (!layer.isUniform) return undefined;
  for (const use of layer.uses) {
    const request = requests.get(use);
    const gram = request && statistics?.get(request);
    if (gram?.size !== columns || gram.matrices.length !== groups || gram.rows === 0) return undefined;
    grams.push(gram);
  }
  const rows = grams.reduce((sum, gram) => sum + gram.rows, 0);
  if (grams.length === 1)
    return grams[0]!.matrices.map((matrix, g) => ({
      size: columns,
      matrix,
      mean: grams[0]!.means[g]!,
      rows,
    }));
  const average = (pick: (gram: Gram) => Float64Array): Float64Array =>
    pick(grams[0]!).map((_, i) => grams.reduce((sum, gram) => sum + (pick(gram)[i]! * gram.rows) / rows, 0));
  return Array.from({ length: groups }, (_, g) => ({
    size: columns,
    matrix: average((gram) => gram.matrices[g]!),
    mean: average((gram) => gram.means[g]!),
    rows,
  }));
}
