/**
 * store-int8: keeps float weights in the file as int8 with a scale per channel, and computes in float.
 *
 *   W float32            →   W int8 ─▶ Cast(float) ─▶ Mul(scale) ─▶ W
 *   W float16, bfloat16  →   W int8 ─▶ Cast(float) ─▶ Mul(scale) ─▶ Cast(float16, bfloat16) ─▶ W
 *
 * A quarter of the size at the speed of float: onnxruntime computes the chain once at load
 * (folding-facts.ts), which it would not do for a DequantizeLinear. Activations stay in float, so only the
 * rounding of the weights is lost, about 40 dB and more. For LSTM, GRU and RNN, embeddings, and wherever
 * int8 arithmetic is slower than float.
 *
 * Symmetric codes from -127 to 127; the scale is that of least squared error per output channel, per
 * direction and row for recurrent weights. Half-precision models go on computing in half precision:
 * onnxruntime multiplies float16 in few of its builds, and folds the chain in float32 in all of them.
 * Weights that the file already held in fewer bytes, mostly in int8, keep that form, because rounding them
 * again would lose accuracy for nothing.
 *
 * Handles float32, float16 and bfloat16 initializers of any scope that are weights of Conv, ConvTranspose,
 * Gemm, MatMul, Gather, LSTM, GRU and RNN, of onnxruntime's Attention, FusedConv, FusedGemm, FusedMatMul
 * and their like, and matrices that feed elementwise operators; leaves biases and vectors float, graph
 * outputs and defaults of graph inputs as they are. Needs operator set 9, for bfloat16 13.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { plural } from "../../units.js";
import { FloatReader, GraphEditor, nodeLabel, opsetVersion, storedByteLength } from "../../ir/index.js";
import type { Model, Node, Tensor } from "../../ir/index.js";
import { withCompute, type Working } from "../compute.js";
import type { NodeStatus, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { raiseOpset } from "../graph/upgrade-opset.js";
import { directUses, type DirectUse } from "./direct-uses.js";
import { INT8_STORAGE_OPSET } from "./folding-facts.js";
import { FreeNames } from "./free-names.js";
import { int8Chain } from "./int8-chain.js";
import type { Int8Channels } from "./int8-channels.js";
import { StoredForms } from "./stored-forms.js";
import { weightAxes } from "../../layers/weight-axes.js";
import { FLOATS, whyFloat, whySmaller } from "./why-float.js";

export interface StoreInt8Options {
  /** Smaller tensors stay in float. */
  readonly minBytes: number;
  /** Names of constants, or of nodes whose weights stay in float. */
  readonly exclude: readonly string[];
  /** Names of the only constants to store as int8; undefined for all that qualify. */
  readonly only: readonly string[] | undefined;
  /**
   * Bits requested for layers that compute in int8. If these are fewer than 8, weights that are stored at 8 bits
   * instead cause a warning.
   */
  readonly askedBits: number;
  /** Only weights that the file held as int8 and a pass has changed since: they return to that form. */
  readonly again: boolean;
}

export const storeInt8 = definePass<StoreInt8Options>({
  name: "store-int8",
  description: "Store weights as int8 with a scale per channel and compute in floating point",
  lossy: true,
  defaults: { minBytes: 1024, exclude: [], only: undefined, askedBits: 8, again: false },
  validate: ({ minBytes }) => {
    if (!(minBytes >= 0))
      throw new EdgecError("BAD_OPTION", `store-int8: minBytes must be 0 or more, not ${minBytes}.`);
  },
  run: (model, options, context) => storeModel(model, options, withCompute(context)),
});

interface Tally {
  readonly nodes: NodeStatus[];
  /** Weights whose codes take more bits than requested. */
  readonly ofMoreBits: NodeStatus[];
  stored: number;
  bytesBefore: number;
  bytesAfter: number;
  lowestSqnr: number;
}

async function storeModel(model: Model, options: StoreInt8Options, context: Working): Promise<PassResult> {
  const editors = GraphEditor.forModel(model);
  refuseUnmatched(editors, options);
  const opset = opsetVersion(model);
  if (opset < INT8_STORAGE_OPSET) {
    const message =
      `The model uses operator set ${opset}; weights can be stored as int8 from ` +
      `${INT8_STORAGE_OPSET} on. ${raiseOpset()}`;
    return {
      modified: false,
      stats: {},
      nodes: [],
      diagnostics: [{ id: "store-int8/old-opset", severity: "warning", message }],
    };
  }
  const scope: StoreScope = { names: new FreeNames(model), opset, forms: new StoredForms(model) };
  const tally: Tally = {
    nodes: [],
    ofMoreBits: [],
    stored: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    lowestSqnr: Infinity,
  };
  for (const editor of editors) await storeGraph(editor, options, scope, tally, context);
  return {
    modified: tally.stored > 0,
    stats: {
      storedTensors: tally.stored,
      bytesBefore: tally.bytesBefore,
      bytesAfter: tally.bytesAfter,
      ...(Number.isFinite(tally.lowestSqnr) ? { lowestSqnr: tally.lowestSqnr } : {}),
    },
    nodes: tally.nodes,
    diagnostics: moreBits(tally.ofMoreBits, options.askedBits),
  };
}

/** Fewer bits are only for layers that compute in int8; elsewhere they would cost more than they save. */
function moreBits(stored: readonly NodeStatus[], asked: number): Diagnostic[] {
  if (stored.length === 0) return [];
  const names = stored
    .slice(0, 3)
    .map(({ name, opType }) => `"${name}" of ${opType}`)
    .join(", ");
  const [what, they] =
    stored.length === 1
      ? ["1 weight is", "this one does not"]
      : [`${stored.length} weights are`, "these do not"];
  const message =
    `${what} stored at 8 bits rather than ${asked} ` +
    `(${names}${stored.length > 3 ? ", …" : ""}): fewer bits are for weights of layers ` +
    `that compute in int8, and ${they}.`;
  return [{ id: "store-int8/more-bits", severity: "warning", message }];
}

interface StoreScope {
  readonly names: FreeNames;
  readonly opset: number;
  readonly forms: StoredForms;
}

async function storeGraph(
  editor: GraphEditor,
  options: StoreInt8Options,
  scope: StoreScope,
  tally: Tally,
  { compute, advance }: Working,
): Promise<void> {
  const replaced = new Set<string>();
  const chains: Node[] = [];
  const lookedAt = editor.graph.initializers.filter((tensor) => isLookedAt(tensor, options, scope.forms));
  const reader = new FloatReader(lookedAt);
  // Constants are processed one by one, so that those of a large model need not be in memory together.
  for (const [index, tensor] of lookedAt.entries()) {
    const name = tensor.name ?? "";
    await advance?.(index, lookedAt.length);
    const uses = [...directUses(name, editor.consumers(name))];
    const user = uses[0]?.node;
    const kept = (reason: string): void =>
      void tally.nodes.push({ name, opType: user?.opType ?? "", status: "kept", reason });
    const axes = whyFloat(editor, tensor, uses, options, scope.opset) ?? channelAxes(uses, tensor);
    if (typeof axes === "string") {
      kept(axes);
      continue;
    }
    const smaller = whySmaller(tensor, axes, scope.forms);
    const stored =
      smaller === undefined
        ? await compute.run("quantizeToInt8", reader.read(tensor).slice(), tensor.dims, axes)
        : undefined;
    if (!stored) {
      kept(smaller ?? "holds values that are not finite");
      continue;
    }
    const chain = int8Chain(tensor, stored, axes, scope.names);
    replaced.add(name);
    chains.push(...chain.nodes);
    for (const constant of chain.constants) editor.addInitializer(constant);
    count(tally, tensor, stored);
    const status: NodeStatus = {
      name,
      opType: user?.opType ?? "",
      status: "changed",
      reason: `int8 with ${plural(stored.scales.length, "scale")}, ${stored.sqnr.toFixed(1)} dB`,
    };
    tally.nodes.push(status);
    // Weights that were rounded before a search left their layer in float are packed as tightly by
    // encode-weights.
    if (new Set(stored.codes).size > 2 ** options.askedBits) tally.ofMoreBits.push(status);
  }
  if (replaced.size === 0) return;
  editor.removeInitializers(replaced);
  editor.insertBefore(editor.graph.nodes[0], ...chains);
}

/** With `only`, exactly those; else float32 constants that are large enough. */
function isLookedAt(
  tensor: Tensor,
  { only, minBytes, again }: StoreInt8Options,
  forms: StoredForms,
): boolean {
  if (again) return forms.wasInt8(tensor) && forms.of(tensor) === undefined;
  if (only) return only.includes(tensor.name ?? "");
  return FLOATS.has(tensor.dataType) && storedByteLength(tensor) >= minBytes;
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
  if (tensor !== undefined)
    throw new EdgecError(
      "UNMATCHED_SELECTOR",
      `store-int8: "${tensor}" is not a constant of the model.${suggestion(tensor, tensors)}`,
    );
  const name = exclude.find((excluded) => !known.has(excluded));
  if (name !== undefined)
    throw new EdgecError(
      "UNMATCHED_SELECTOR",
      `store-int8: "${name}" is neither a constant nor a node of the model.${suggestion(name, known)}`,
    );
}
