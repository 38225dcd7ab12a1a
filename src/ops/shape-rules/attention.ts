/**
 * Attention, and the operators of onnxruntime's own set that edgec writes: what stands behind them would be
 * unknown otherwise.
 */
import { intAttribute } from "../../ir/index.js";
import { rows, typed, unknown, type Rule } from "./call.js";

const first: Rule = ({ inputs }) => [inputs[0]];

/** [batch, queries, heads · size of a value], when queries, keys and values come apart. */
const multiHead: Rule = ({ inputs: [query, , value] }) => {
  const isApart = query?.shape?.length === 3 && value?.shape?.length === 3;
  return [
    typed(query?.elementType, isApart ? [query.shape?.[0], query.shape?.[1], value.shape?.[2]] : undefined),
  ];
};

/**
 * Heads are an axis of their own, or side by side in the last of three; queries may have more of them than
 * values. Keys and values of all steps so far, where asked for, always have an axis of heads.
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
