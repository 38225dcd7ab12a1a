/**
 * Attention, and the operators of onnxruntime's own set that edgec writes; without rules, everything after them
 * would be unknown.
 */
import { intAttribute } from "../../ir/index.js";
import { rows, typed, unknown, type Rule } from "./call.js";

const first: Rule = ({ inputs }) => [inputs[0]];

/** [batch, queries, heads · size of a value], if queries, keys and values are separate inputs. */
const multiHead: Rule = ({ inputs: [query, , value] }) => {
  const isApart = query?.shape?.length === 3 && value?.shape?.length === 3;
  return [
    typed(query?.elementType, isApart ? [query.shape?.[0], query.shape?.[1], value.shape?.[2]] : undefined),
  ];
};

/**
 * Heads are a separate axis, or merged into the last of three axes; queries may have more heads than values.
 * The optional outputs with all keys and values so far always have a head axis.
 */
const attention: Rule = ({ node, inputs: [query, key, value], sizes }) => {
  const [queryHeads, valueHeads] = ["q_num_heads", "kv_num_heads"].map((name) =>
    intAttribute(node, name, undefined),
  );
  const isSideBySide = query?.shape?.length === 3 && valueHeads !== undefined && valueHeads > 0;
  const last = isSideBySide
    ? sizes.multiply(sizes.divideExactly(value?.shape?.[2], valueHeads), queryHeads)
    : value?.shape?.at(-1);
  return [
    typed(query?.elementType, query?.shape && [...query.shape.slice(0, -1), last]),
    typed(key?.elementType, unknown(4)),
    typed(value?.elementType, unknown(4)),
  ];
};

export const ATTENTION = rows(attention, "Attention");
/** Operators of com.microsoft. */
export const CONTRIBUTED = [
  ...rows(first, "Gelu", "FastGelu", "QuickGelu"),
  ...rows(multiHead, "MultiHeadAttention"),
] as const;
