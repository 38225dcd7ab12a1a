/** Attention, and the operators of onnxruntime's own set that edgec writes: what stands behind them would be unknown otherwise. */
import { intAttribute } from "../../ir/index.js";
import { rows, typed, type Rule } from "./call.js";

const first: Rule = ({ inputs }) => [inputs[0]];

/** [batch, queries, heads · size of a value], when queries, keys and values come apart. */
const multiHead: Rule = ({ inputs: [query, , value] }) => {
  const isApart = query?.shape?.length === 3 && value?.shape?.length === 3;
  return [typed(query?.elementType, isApart ? [query.shape?.[0], query.shape?.[1], value.shape?.[2]] : undefined)];
};

/** The same where queries have as many heads as values; of values of rank 4, [batch, heads, queries, size of a value]. */
const attention: Rule = (call) => {
  const { node, inputs: [query, , value] } = call;
  if (query?.shape?.length === 4 && value?.shape?.length === 4) return [typed(query.elementType, [...query.shape.slice(0, 3), value.shape[3]])];
  const isGrouped = intAttribute(node, "q_num_heads", 0) !== intAttribute(node, "kv_num_heads", 0);
  return isGrouped ? [typed(query?.elementType, undefined)] : multiHead(call);
};

export const ATTENTION = rows(attention, "Attention");
/** Operators of com.microsoft. */
export const CONTRIBUTED = [...rows(first, "Gelu", "FastGelu", "QuickGelu"), ...rows(multiHead, "MultiHeadAttention")] as const;
