/**
 * Finds small constants that can be packed together: many of one shape, whose values are of one kind. A chain for
 * each would load slowly, because what onnxruntime takes for a node grows with the number of nodes: 5,000 chains
 * take ten seconds, one chain and a Split a tenth of one.
 */
import { elementCount, type Tensor } from "../../ir/index.js";
import { groupBy } from "../../group-by.js";
import { isSparse } from "./chain-parts.js";
import { narrowForm } from "./forms/narrow.js";
import { candidateOf } from "./storage-forms.js";

/** Fewer are encoded one by one: their chains load in milliseconds. */
const MIN_MEMBERS = 32;
/** Larger constants are encoded one by one: each is worth its own chain. Elements. */
const MAX_ELEMENTS = 2 ** 15;
/** What a group holds at most, so that decoding one takes little memory. Elements. */
const GROUP_ELEMENTS = 2 ** 19;
/** A table of more entries is not stored for each member. */
const MAX_MEMBER_TABLE = 256;

interface WithTensor {
  readonly tensor: Tensor;
}

export interface Group<T> {
  readonly members: readonly T[];
  /** Whether each has few values, so that a table for each may pay. */
  readonly haveFewValues: boolean;
}

/** Most models have none. */
export function groupsOf<T extends WithTensor>(items: readonly T[], opset: number): Group<T>[] {
  const small = items.filter(({ tensor }) => tensor.dims.length > 0 && elementCount(tensor) <= MAX_ELEMENTS);
  const alike = groupBy(small, ({ tensor }) => `${tensor.dataType} ${tensor.dims.join()}`);
  return [...alike.values()]
    .filter(({ length }) => length >= MIN_MEMBERS)
    .flatMap((members) => [...groupBy(members, ({ tensor }) => kindOf(tensor, opset))])
    .filter(([kind, { length }]) => kind !== undefined && length >= MIN_MEMBERS)
    .flatMap(([kind, members]) =>
      divided(members).map((part) => ({ members: part, haveFewValues: kind?.startsWith(FEW) === true })),
    );
}

const FEW = "table";

/** What the values of a constant allow; undefined where no form but the dense one is to be expected. */
function kindOf(tensor: Tensor, opset: number): string | undefined {
  if (tensor.docString || tensor.metadata?.length) return undefined;
  const candidate = candidateOf(tensor, opset);
  if (!candidate) return undefined;
  const { distinct, count, background } = candidate.symbols;
  if (distinct?.length === 1) return undefined;
  // Tables of one group are as long as the longest of them.
  if (distinct && distinct.length <= Math.min(MAX_MEMBER_TABLE, count / 4))
    return `${FEW} ${Math.ceil(Math.log2(distinct.length))}`;
  if (isSparse(candidate)) return `sparse ${background}`;
  const [narrow] = narrowForm.drafts(candidate);
  return narrow && `narrow ${narrow.form}`;
}

/** In parts of about the same size, so that their chains are equal and become one function. */
function divided<T extends WithTensor>(group: readonly T[]): T[][] {
  const elements = elementCount(group[0]!.tensor);
  const parts = Math.ceil((group.length * elements) / GROUP_ELEMENTS);
  const size = Math.ceil(group.length / parts);
  return Array.from({ length: Math.ceil(group.length / size) }, (_, k) =>
    group.slice(k * size, (k + 1) * size),
  );
}
