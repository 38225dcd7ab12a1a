/**
 * store-int8: keeps float weights in the file as int8 with a scale per channel, and computes in float.
 *
 *   W float32   →   W int8 ─▶ Cast(float) ─▶ Mul(scale) ─▶ W
 *
 * A quarter of the size at the speed of float: onnxruntime computes the chain once at load (folding-facts.ts), which
 * it would not do for a DequantizeLinear. Activations stay float, so only the rounding of the weights is lost, about
 * 40 dB and more. For LSTM, GRU and RNN, embeddings, and wherever int8 arithmetic is slower than float.
 *
 * Symmetric codes from -127 to 127; the scale is that of least squared error per output channel, per direction and
 * row for recurrent weights. Handles float32 initializers of any scope that are weights of Conv, ConvTranspose, Gemm,
 * MatMul, Gather, LSTM, GRU and RNN, of onnxruntime's Attention, FusedConv, FusedGemm, FusedMatMul and their like, and
 * matrices that feed elementwise operators; leaves biases and vectors float,
 * graph outputs and defaults of graph inputs as they are. Needs operator set 9.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import {
  attribute, DataType, elementCount, FloatReader, floatTensor, GraphEditor,
  integerTensor, makeNode, nodeLabel, opsetVersion, storedByteLength,
} from "../../ir/index.js";
import type { Model, Node, Tensor } from "../../ir/index.js";
import type { NodeStatus, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { RAISE_OPSET } from "../graph/upgrade-opset.js";
import { directUses, type DirectUse } from "./direct-uses.js";
import { INT8_STORAGE_OPSET, MAX_FOLDABLE_ELEMENTS } from "./folding-facts.js";
import { FreeNames } from "./free-names.js";
import { quantizeToInt8 } from "./int8-channels.js";
import type { Int8Channels } from "./int8-channels.js";
import { weightAxes } from "./weight-axes.js";

export interface StoreInt8Options {
  /** Smaller tensors stay float. */
  readonly minBytes: number;
  /** Names of constants, or of nodes whose weights are to stay float. */
  readonly exclude: readonly string[];
  /** Names of the only constants to store as int8; undefined for all that qualify. */
  readonly only: readonly string[] | undefined;
  /** Bits that were asked for where layers compute in int8: weights that are stored at 8 instead are then told of. */
  readonly askedBits: number;
}

export const storeInt8 = definePass<StoreInt8Options>({
  name: "store-int8",
  description: "Store float weights as int8 with a scale per channel and compute in float",
  lossy: true,
  defaults: { minBytes: 1024, exclude: [], only: undefined, askedBits: 8 },
  validate: ({ minBytes }) => {
    if (!(minBytes >= 0)) throw new EdgecError("BAD_OPTION", `store-int8: minBytes must be 0 or more, not ${minBytes}.`);
  },
  run: storeModel,
});

interface Tally { readonly nodes: NodeStatus[]; stored: number; bytesBefore: number; bytesAfter: number; lowestSqnr: number }

function storeModel(model: Model, options: StoreInt8Options): PassResult {
  const editors = GraphEditor.forModel(model);
  refuseUnmatched(editors, options);
  const opset = opsetVersion(model);
  if (opset < INT8_STORAGE_OPSET) {
    const message = `The model uses operator set ${opset}; weights can be stored as int8 from ${INT8_STORAGE_OPSET} on. ${RAISE_OPSET}`;
    return { modified: false, stats: {}, nodes: [], diagnostics: [{ id: "store-int8/old-opset", severity: "warning", message }] };
  }
  const names = new FreeNames(model);
  const tally: Tally = { nodes: [], stored: 0, bytesBefore: 0, bytesAfter: 0, lowestSqnr: Infinity };
  for (const editor of editors) storeGraph(editor, options, names, tally);
  return {
    modified: tally.stored > 0,
    stats: {
      storedTensors: tally.stored, bytesBefore: tally.bytesBefore, bytesAfter: tally.bytesAfter,
      ...(Number.isFinite(tally.lowestSqnr) ? { lowestSqnr: tally.lowestSqnr } : {}),
    },
    nodes: tally.nodes,
    diagnostics: moreBits(tally.nodes, options.askedBits),
  };
}

/** Few bits are rounded to what a layer computes in int8; elsewhere they would cost more than they save. */
function moreBits(nodes: readonly NodeStatus[], asked: number): Diagnostic[] {
  const stored = nodes.filter(({ status }) => status === "changed");
  if (asked >= 8 || stored.length === 0) return [];
  const names = stored.slice(0, 3).map(({ name, opType }) => `"${name}" of ${opType}`).join(", ");
  const [what, they] = stored.length === 1
    ? ["1 weight is", "this one does not"] : [`${stored.length} weights are`, "these do not"];
  const message = `${what} stored at 8 bits rather than ${asked} (${names}${stored.length > 3 ? ", …" : ""}): fewer bits are for weights of layers that compute in int8, and ${they}.`;
  return [{ id: "store-int8/more-bits", severity: "warning", message }];
}

function storeGraph(editor: GraphEditor, options: StoreInt8Options, names: FreeNames, tally: Tally): void {
  const replaced = new Set<string>();
  const chains: Node[] = [];
  const reader = new FloatReader(editor.graph.initializers.filter((tensor) => isLookedAt(tensor, options)));
  // Constants are handed over one by one, so that those of a large model need not be in memory together.
  for (const tensor of [...editor.graph.initializers]) {
    const name = tensor.name ?? "";
    if (!isLookedAt(tensor, options)) continue;
    const uses = [...directUses(name, editor.consumers(name))];
    const user = uses[0]?.node;
    const axes = whyFloat(editor, tensor, uses, options) ?? channelAxes(uses, tensor);
    const stored = typeof axes === "string" ? undefined : quantizeToInt8(reader.read(tensor), tensor.dims, axes);
    if (typeof axes === "string" || !stored) {
      tally.nodes.push({ name, opType: user?.opType ?? "", status: "kept", reason: typeof axes === "string" ? axes : "holds values that are not finite" });
      continue;
    }
    const chain = int8Chain(tensor, stored, axes, names);
    replaced.add(name);
    chains.push(...chain.nodes);
    for (const constant of chain.constants) editor.addInitializer(constant);
    count(tally, tensor, stored);
    tally.nodes.push({
      name, opType: user?.opType ?? "", status: "changed", reason: `int8 with ${stored.scales.length} scale(s), ${stored.sqnr.toFixed(1)} dB`,
    });
  }
  if (replaced.size === 0) return;
  editor.removeInitializers(replaced);
  editor.insertBefore(editor.graph.nodes[0], ...chains);
}

/** With `only`, exactly those; else float32 constants that are large enough. */
function isLookedAt(tensor: Tensor, { only, minBytes }: StoreInt8Options): boolean {
  if (only) return only.includes(tensor.name ?? "");
  return tensor.dataType === DataType.FLOAT && storedByteLength(tensor) >= minBytes;
}

function whyFloat(editor: GraphEditor, tensor: Tensor, uses: readonly DirectUse[], { exclude }: StoreInt8Options): string | undefined {
  const name = tensor.name ?? "";
  const users = [...editor.consumers(name), ...uses.map(({ node }) => node)];
  if (tensor.dataType !== DataType.FLOAT) return "is not float32";
  if (exclude.includes(name)) return "excluded";
  const excluded = users.find((user) => exclude.includes(nodeLabel(user)));
  if (excluded) return `excluded with node "${nodeLabel(excluded)}"`;
  if (editor.isOutput(name)) return "is a graph output";
  if (editor.input(name)) return "is the default of a graph input, which callers may override";
  if (tensor.unknownFields?.length) return "carries fields that edgec does not know";
  return elementCount(tensor) > MAX_FOLDABLE_ELEMENTS ? "is too large for onnxruntime to unfold at load (1 GiB)" : undefined;
}

/** Axes by the first use as a weight; a reason when there is none. */
function channelAxes(uses: readonly DirectUse[], tensor: Tensor): readonly number[] | string {
  let reason = "no node uses it as a direct input";
  for (const { node, index } of uses) {
    const axes = weightAxes(node, index, tensor.dims);
    if (typeof axes !== "string") return axes;
    reason = axes;
  }
  return reason;
}

function int8Chain(tensor: Tensor, { codes, scales }: Int8Channels, axes: readonly number[], names: FreeNames): { nodes: Node[]; constants: Tensor[] } {
  const [code, float, scale] = [names.next(), names.next(), names.next()];
  const cast = makeNode("Cast", [code], [float], [attribute.int("to", DataType.FLOAT)]);
  const mul = makeNode("Mul", [float, scale], [tensor.name ?? ""]);
  if (tensor.docString) mul.docString = tensor.docString;
  if (tensor.metadata?.length) mul.metadata = tensor.metadata;
  const scaleDims = scales.length === 1 ? [] : tensor.dims.map((dim, axis) => (axes.includes(axis) ? dim : 1));
  return { nodes: [cast, mul], constants: [integerTensor(code, tensor.dims, DataType.INT8, codes), floatTensor(scale, scaleDims, scales)] };
}

function count(tally: Tally, tensor: Tensor, { codes, scales, sqnr }: Int8Channels): void {
  tally.stored++;
  tally.bytesBefore += storedByteLength(tensor);
  tally.bytesAfter += codes.byteLength + scales.byteLength;
  tally.lowestSqnr = Math.min(tally.lowestSqnr, sqnr);
}

function refuseUnmatched(editors: readonly GraphEditor[], { only, exclude }: StoreInt8Options): void {
  const tensors = editors.flatMap(({ graph }) => graph.initializers.map((t) => t.name ?? ""));
  const known = new Set([...tensors, ...editors.flatMap(({ graph }) => graph.nodes.map(nodeLabel))]);
  const tensor = only?.find((name) => !tensors.includes(name));
  if (tensor !== undefined) throw new EdgecError("UNMATCHED_SELECTOR", `store-int8: "${tensor}" is no constant of the model.${suggestion(tensor, tensors)}`);
  const name = exclude.find((excluded) => !known.has(excluded));
  if (name !== undefined) throw new EdgecError("UNMATCHED_SELECTOR", `store-int8: "${name}" is no constant or node of the model.${suggestion(name, known)}`);
}
