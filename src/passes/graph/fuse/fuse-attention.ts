/**
 * Recognizes multi-head attention (Vaswani et al. 2017) and writes its core as one operator. The projections
 * stay MatMuls with their own weights, so that later passes prune, cluster and quantize them as before.
 *
 *   q, k, v → Reshape, Transpose (heads apart) → q·kᵀ → scale → (+ mask) → Softmax → ·v → Transpose,
 *   Reshape → y → MultiHeadAttention(q, k, v, mask) of com.microsoft; the standard Attention from operator
 *   set 23. One value that holds queries, keys and values side by side is first split into the three.
 *
 * Handles float32 of known head count and size, a Softmax along the last axis, scalar factors on q, k or the
 * scores, and a mask that is added to the scores and is known to have their four axes ([1 or batch, 1 or heads,
 * queries, keys]). Nothing else may use the intermediate values. Queries and keys must be known to have the
 * same batch. Left alone: masks that broadcast along keys, Where masks, rotary positions and grouped keys.
 *
 * Results differ by rounding. Measured in onnxruntime 1.32, interleaved with the unfused model: fixture vit (4
 * heads of 32, 49 tokens, 119 nodes become 67) 1.02 to 1.1 times as fast, 12 heads of 32 and 64 on 16 to 512
 * tokens 1.0 to 1.2 times; the int8 form of vit 1.02 times, at the same 43.4 dB.
 */
import {
  attribute,
  DataType,
  type Dimension,
  int64Tensor,
  intAttribute,
  intsAttribute,
  makeNode,
  type Model,
  type Node,
  opsetVersion,
  isOp,
} from "../../../ir/index.js";
import {
  fit,
  type Found,
  leaf,
  type Leaf,
  type Match,
  misfit,
  type Misfit,
  nearMisfit,
  node,
  nodeThat,
  optional,
  type Outcome,
  rule,
  scaled,
  type Scope,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { type Heads, headsOf, keepsFirstAxes, targetShape } from "./attention-heads.js";
import { fuseAll, type Fusion, fusionResult } from "./fusion.js";
import { CONTRIB, importContrib, otherInput } from "./graph-queries.js";
import type { Rewrite } from "./rewrite.js";

/** The operator set whose Attention has a CPU kernel in onnxruntime. */
const ATTENTION_OPSET = 23;

interface Attention {
  readonly query: Heads;
  readonly key: Heads;
  readonly value: Heads;
  readonly scale: number;
  readonly mask: string | undefined;
}

const query = headsIn("queries", "sequence-size");
const key = headsIn("keys", "size-sequence");
const values = headsIn("values", "sequence-size");
const mask = value("the mask");

const products = node("MatMul", [query, key]);
const scale = scaled(products);
const scaledScores = optional(products, () => scale.pattern);
const masked = nodeThat("Add", [scaledScores, mask], (sum, found, scope) =>
  isMask(otherInput(sum, found.of(mask)), found.of(mask), scope)
    ? fit(sum)
    : nearMisfit(() => `"${found.of(mask)}" is not known to have the four axes of the scores`),
);
const softmax = nodeThat("Softmax", [optional(scaledScores, () => masked)], (found, _, { opset }) =>
  runsAlongLast(found, opset) ? fit(found) : nearMisfit("the Softmax is not along the last axis"),
);
const turned = nodeThat("Transpose", [node("MatMul", [softmax, values])], (found) =>
  intsAttribute(found, "perm")?.join() === "0,2,1,3"
    ? fit(found)
    : nearMisfit("the Transpose after it does not restore the order of the heads"),
);
const joined = nodeThat("Reshape", [turned], joinedHeads);

const ATTENTION = rule({
  pattern: joined,
  anchor: softmax,
  check: ({ found }, scope) => refusal(attentionIn(found), scope),
});

export const fuseAttention = definePass<Record<string, never>>({
  name: "fuse-attention",
  description: "Fuse the scores, Softmax and weighted sums of multi-head attention into one operator",
  lossy: false,
  defaults: {},
  run: (model) => fusionResult("attentionsFused", fuseAll(model, [attentionFusion()])),
});

/** Each graph has its own Splits, which the layers in it share. */
function attentionFusion(): Fusion {
  const splits = new Map<Rewrite, Map<string, readonly string[]>>();
  return {
    rule: ATTENTION,
    write(match, { model, rewrite }) {
      const own = splits.get(rewrite) ?? new Map<string, readonly string[]>();
      splits.set(rewrite, own);
      return write(match, rewrite, model, own);
    },
  };
}

function headsIn(name: string, order: Heads["order"]): Leaf<Heads> {
  return leaf(name, (read, _, scope) => {
    const heads = headsOf(read, scope);
    return heads?.order === order
      ? fit(heads)
      : misfit(() => `"${read}" does not hold ${name} split by heads`);
  });
}

function attentionIn(found: Found): Attention {
  const heads = { query: found.of(query), key: found.of(key), value: found.of(values) };
  const factor = found.maybe(scale.factor) ?? 1;
  return { ...heads, scale: factor * heads.query.factor * heads.key.factor, mask: found.maybe(mask) };
}

/** Before operator set 13, the axis is 1 unless given, and Softmax runs over that axis and all after it. */
function runsAlongLast(found: Node, opset: number): boolean {
  const axis = intAttribute(found, "axis", opset < 13 ? 1 : -1);
  return axis === 3 || axis === -1;
}

function refusal(attention: Attention, scope: Scope): Misfit | undefined {
  const { query, key, value } = attention;
  if (value.factor !== 1) return nearMisfit("the values are scaled");
  const other = [query, key, value].find(
    ({ source }) => scope.facts.type(source)?.elementType !== DataType.FLOAT,
  );
  if (other) return nearMisfit(`"${other.source}" is not known to be float32`);
  if (query.heads !== key.heads || key.heads !== value.heads || query.size !== key.size)
    return nearMisfit("queries, keys and values do not have the same heads");
  if (!sameBatch(query.source, key.source, scope) || !sameBatch(query.source, value.source, scope))
    return nearMisfit("queries, keys and values are not known to have the same batch");
  // Zero stands for "not given" in onnxruntime.
  return Number.isFinite(attention.scale) && attention.scale !== 0
    ? undefined
    : nearMisfit(`the scores are scaled by ${attention.scale}`);
}

/** Whether the mask has the four axes of the scores, or 1 where the kernels broadcast: batch and heads. */
function isMask(scores: string, added: string, { facts }: Scope): boolean {
  const [sizes, own] = [facts.shape(scores), facts.shape(added)];
  if (scores === added || sizes?.length !== 4 || own?.length !== 4) return false;
  const isKnownEqual = (k: number): boolean => own[k] !== undefined && own[k] === sizes[k];
  return (
    (own[0] === 1 || isKnownEqual(0)) &&
    (own[1] === 1 || isKnownEqual(1)) &&
    isKnownEqual(2) &&
    isKnownEqual(3)
  );
}

/** The Reshape of [batch, heads, sequence, size] → Transpose → [batch, sequence, heads · size]. */
function joinedHeads(last: Node, found: Found, scope: Scope): Outcome<Node> {
  const { facts } = scope;
  const { heads, size } = found.of(values);
  const target = targetShape(last, scope);
  const shape: readonly Dimension[] = facts.shape(last.inputs[0] ?? "") ?? [undefined, undefined];
  const isJoined =
    target?.length === 3 &&
    keepsFirstAxes(shape, target) &&
    [target[2], facts.shape(last.outputs[0] ?? "")?.[2]].includes(heads * size);
  return isJoined ? fit(last) : nearMisfit("the Reshape after it is not known to merge the heads");
}

function write(
  match: Match,
  rewrite: Rewrite,
  model: Model,
  splits: Map<string, readonly string[]>,
): Misfit | undefined {
  const { query, key, value, scale, mask } = attentionIn(match.found);
  const inputs = [query, key, value].map((heads) => partValue(heads, rewrite, model, splits));
  const factor = attribute.float("scale", Math.fround(scale));
  if (opsetVersion(model) >= ATTENTION_OPSET) {
    const counts = [attribute.int("q_num_heads", query.heads), attribute.int("kv_num_heads", query.heads)];
    return rewrite.fuse(
      match,
      makeNode("Attention", [...inputs, ...(mask === undefined ? [] : [mask])], [""], [...counts, factor]),
    );
  }
  importContrib(model);
  // Inputs 3 and 4 are a bias of the projections and a key mask; the sixth is added to the scores.
  const masks = mask === undefined ? [] : ["", "", mask];
  return rewrite.fuse(match, {
    ...makeNode(
      "MultiHeadAttention",
      [...inputs, ...masks],
      [""],
      [attribute.int("num_heads", query.heads), factor],
    ),
    domain: CONTRIB,
  });
}

/** The value of rank 3 that holds the heads; parts of one value come from a shared Split. */
function partValue(
  { source, part, parts, heads, size }: Heads,
  rewrite: Rewrite,
  model: Model,
  splits: Map<string, readonly string[]>,
): string {
  if (parts === 1) return source;
  const known = splits.get(source);
  if (known?.length === parts) return known[part]!;
  const { editor } = rewrite;
  const names = Array.from({ length: parts }, (_, k) => editor.uniqueName(`${source}_part${k}`));
  const sizes = new Array<number>(parts).fill(heads * size);
  const isInput = opsetVersion(model) >= 13;
  const inputs = isInput ? [source, rewrite.addConstant(int64Tensor("part_sizes", sizes))] : [source];
  const split = makeNode("Split", inputs, names, [
    attribute.int("axis", 2),
    ...(isInput ? [] : [attribute.ints("split", sizes)]),
  ]);
  const maker = editor.producer(source);
  if (maker) editor.insertAfter(maker, split);
  else editor.insertBefore(editor.graph.nodes[0], split);
  splits.set(source, names);
  return names[part]!;
}

/** How many layers back to search for a common origin. */
const MAX_STEPS = 8;

function sameBatch(a: string, b: string, scope: Scope): boolean {
  if (a === b) return true;
  const [first, second] = [a, b].map((name) => scope.facts.shape(name)?.[0]);
  if (first !== undefined && first === second) return true;
  const origins = new Set(batchOrigins(a, scope));
  return batchOrigins(b, scope).some((name) => origins.has(name));
}

/**
 * The value, and earlier ones with the same first size: through layers with a constant matrix and steps by
 * constant vectors.
 */
function batchOrigins(name: string, { editor }: Scope): string[] {
  const origins = [name];
  for (let k = 0; k < MAX_STEPS; k++) {
    const from = batchSource(editor.producer(origins.at(-1) ?? ""), (input) => editor.constant(input)?.dims);
    if (from === undefined) break;
    origins.push(from);
  }
  return origins;
}

function batchSource(
  node: Node | undefined,
  dimsOf: (name: string) => readonly number[] | undefined,
): string | undefined {
  const [first = "", second = ""] = node?.inputs ?? [];
  if (isOp(node, "LayerNormalization", "Relu", "Identity")) return first;
  if (isOp(node, "MatMul")) return dimsOf(second)?.length === 2 ? first : undefined;
  if (!isOp(node, "Add", "Sub", "Mul", "Div")) return undefined;
  if ((dimsOf(second)?.length ?? 3) < 3) return first;
  return (dimsOf(first)?.length ?? 3) < 3 ? second : undefined;
}
