/**
 * The forms of many small constants of one shape together: one chain makes all of them, and a Split divides what
 * it makes.
 *
 *   codes ─▶ … ─▶ [all rows of all members] ─▶ Split ─▶ W0, W1, W2, …
 *
 * The members are one constant with all their rows, which has all forms that any constant has; or each has a table
 * of its own, and the codes of all are one constant of bytes, in any form that such a constant has.
 */
import { attribute, DataType, elementCount, makeNode, tensorBytes } from "../../ir/index.js";
import type { Node, Tensor } from "../../ir/index.js";
import { packingsFor, type Packing } from "./bit-packing.js";
import { indicesOf, isSparse, type Candidate } from "./chain-parts.js";
import { Draft } from "./decoder-builder.js";
import { gapForm } from "./forms/gaps.js";
import { maskForm } from "./forms/mask.js";
import { candidateOf, draftsOf, ENCODABLE_BYTES, STORAGE_FORMS } from "./storage-forms.js";
import { bitsPerDigit, emitByteDigits, emitDigits, emitShape, emitWords } from "./unpack.js";
import { patternBytes, readSymbols } from "./value-histogram.js";

/** The operator set from which on a Split into equal parts must say how many there are. */
const COUNTED_SPLIT_OPSET = 18;
/** As long as most names; it is replaced when the chain is built. */
const STACKED = "?00";

export class GroupSource {
  /** @param haveFewValues so that a table for each may pay */
  constructor(
    private readonly tensors: readonly Tensor[],
    private readonly opset: number,
    private readonly haveFewValues: boolean,
  ) {}

  /** Chains whose last node makes all rows of all members. Always the same ones, in the same order. */
  drafts(): Draft[] {
    const stacked = candidateOf(stackedTensor(this.tensors), this.opset);
    return [
      ...(stacked ? STORAGE_FORMS.flatMap((form) => draftsOf(form, stacked)) : []),
      ...(this.haveFewValues ? tableDrafts(this.tensors, this.opset) : []),
    ].map((draft) => draft.finish(STACKED));
  }

  draft(index: number): Draft {
    return this.drafts()[index]!;
  }
}

/** The chain, and the Split that divides what it makes into constants of these names. */
export function dividedInto(
  names: readonly string[],
  chain: readonly Node[],
  stacked: string,
  opset: number,
): { chain: Node[]; split: Node } {
  const parts = opset < COUNTED_SPLIT_OPSET ? [] : [attribute.int("num_outputs", names.length)];
  return {
    chain: chain.map((node, at) => (at === chain.length - 1 ? { ...node, outputs: [stacked] } : node)),
    split: makeNode("Split", [stacked], names, parts),
  };
}

/** The Split for a comparison of sizes. */
export function splitFor(tensors: readonly Tensor[], opset: number): Node {
  return dividedInto(
    tensors.map(({ name = "" }) => name),
    [],
    STACKED,
    opset,
  ).split;
}

/** All rows of all members, as one constant. */
function stackedTensor(tensors: readonly Tensor[]): Tensor {
  const { dims, dataType } = tensors[0]!;
  const [rows = 1, ...rest] = dims;
  return {
    name: STACKED,
    dims: [rows * tensors.length, ...rest],
    dataType,
    raw: new Uint8Array(Buffer.concat(tensors.map(tensorBytes))),
  };
}

/** Members with a table each: the first entry of each is its most frequent value. */
interface Tables {
  /** The entries of the longest; shorter ones are filled. */
  readonly length: number;
  /** All tables, [members, length]. */
  readonly values: () => Uint8Array;
  /** Codes of all members as bytes, [members, elements]. */
  readonly codes: Candidate;
  /** The type and shape of a member. */
  readonly like: Tensor;
}

function tableDrafts(tensors: readonly Tensor[], opset: number): Draft[] {
  const tables = tablesOf(tensors, opset);
  if (!tables) return [];
  const { codes } = tables;
  const sparse = isSparse(codes) ? [...gapForm.drafts(codes), ...maskForm.drafts(codes)] : [];
  return [
    ...packingsFor(tables.length, codes.symbols.count, opset).map((packing) => packedCodes(tables, packing)),
    ...sparse.map((draft) => withTables(draft, asInt32(draft), tables)),
  ];
}

function tablesOf(tensors: readonly Tensor[], opset: number): Tables | undefined {
  const like = tensors[0]!;
  const bytesPerElement = ENCODABLE_BYTES.get(like.dataType) ?? 1;
  const dims = [tensors.length, elementCount(like)];
  const raw = new Uint8Array(tensors.length * elementCount(like));
  const lists: number[][] = [];
  let at = 0;
  for (const tensor of tensors) {
    const { distinct = [], background, patterns } = readSymbols(tensor, bytesPerElement);
    const list = [background, ...distinct.filter((pattern) => pattern !== background)];
    lists.push(list);
    for (const piece of indicesOf(patterns(), list)) {
      raw.set(piece, at);
      at += piece.length;
    }
  }
  const codes = candidateOf({ name: "", dims, dataType: DataType.UINT8, raw }, opset);
  const length = Math.max(...lists.map((list) => list.length));
  const filled = (list: number[]): number[] => [...list, ...new Array<number>(length - list.length).fill(0)];
  const values = (): Uint8Array => patternBytes(lists.map(filled), tensors.length * length, bytesPerElement);
  return codes && { length, values, codes, like };
}

/** Codes of all members, [members, elements], as small integers that share words. */
function packedCodes(tables: Tables, packing: Packing): Draft {
  const { length, codes } = tables;
  const { dims } = codes.tensor;
  const stream = { radix: length, packing, digits: codes.symbols.patterns };
  const draft = new Draft("codebook", `${length} values, ${bitsPerDigit(packing)} bits each`);
  if (packing.digitsPerWord === 1) return withTables(draft, emitWords(draft, stream, dims), tables);
  // Digits of a byte that are whole bits stay bytes: a quarter of the memory of int32 while the model loads.
  const areBits = packing.type === DataType.UINT8 && Number.isInteger(Math.log2(length));
  const digits = areBits ? emitByteDigits(draft, stream) : emitDigits(draft, stream);
  emitShape(draft, digits, packing, codes.symbols.count, dims);
  return withTables(draft, areBits ? asInt32(draft) : draft.last, tables);
}

function asInt32(draft: Draft): string {
  return draft.op("Cast", [draft.last], [attribute.int("to", DataType.INT32)]);
}

/** From codes, int32 [members, elements], to all rows: each code is a place in its member's table. */
function withTables(draft: Draft, codes: string, { length, values, codes: { tensor }, like }: Tables): Draft {
  const [members = 1] = tensor.dims;
  const table = draft.constant(like.dataType, [members, length], values);
  const gathered = draft.op("GatherElements", [table, codes], [attribute.int("axis", 1)]);
  const [rows = 1, ...rest] = like.dims;
  draft.op("Reshape", [gathered, draft.int64([rows * members, ...rest])]);
  return draft;
}
