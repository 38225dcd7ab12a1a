/**
 * The way to store a constant that takes least, among those that only differ in how digits are packed. Their
 * sizes follow from counts, so that a hundred ways need not be built to find the few worth comparing.
 */
import { DataType, elementCount } from "../../ir/index.js";
import type { Candidate } from "./chain-parts.js";
import type { Draft } from "./decoder-builder.js";
import type { Packing } from "./bit-packing.js";
import { LOAD_COUNTS_FROM } from "./form-options.js";
import { tensorWireSize } from "./wire-size.js";

/** One way to store a constant. */
export interface Way {
  /** Equal for ways whose chains have the same operators. */
  readonly chain: number;
  /** Of its constants, up to what all ways with the same operators have in common. */
  readonly bytes: number;
  readonly draft: () => Draft;
}

/**
 * Drafts of the least way for each chain, in order. Where loading counts, all of them: what a way holds in
 * memory is only known of its draft.
 */
export function leastWays({ tensor }: Candidate, ways: readonly Way[]): Draft[] {
  if (elementCount(tensor) >= LOAD_COUNTS_FROM) return ways.map(({ draft }) => draft());
  const least = new Map<number, Way>();
  for (const way of ways) {
    const rival = least.get(way.chain);
    if (!rival || way.bytes < rival.bytes) least.set(way.chain, way);
  }
  return ways.filter((way) => least.get(way.chain) === way).map(({ draft }) => draft());
}

/** Bytes of packed digits and of the column that unpacks them. */
export function packedBytes({ type, digitsPerWord, words }: Packing): number {
  const column = digitsPerWord === 1 ? 0 : constantBytes(DataType.INT32, [digitsPerWord, 1]);
  return constantBytes(type, [words]) + column;
}

/** Tells the chains that unpack digits apart, below 4: whether words are cast, and whether they are divided. */
export function unpackingChain({ type, digitsPerWord }: Packing): number {
  return (type === DataType.INT32 ? 0 : 1) + (digitsPerWord === 1 ? 0 : 2);
}

/** Bytes of a constant with a name as short as most. */
export function constantBytes(dataType: DataType, dims: readonly number[]): number {
  return tensorWireSize({ name: "?0", dataType, dims });
}

/** Whether a table and the codes for its entries take less than `count` values themselves. */
export function tablePays(
  { symbols }: Candidate,
  table: readonly number[],
  codes: Packing,
  count: number,
): boolean {
  const values = (count - table.length) * symbols.bytesPerElement;
  return constantBytes(codes.type, [codes.words]) < values;
}
