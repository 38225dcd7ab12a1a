/**
 * Chooses nodes for which int8 does not pay off on this machine. A convolution with few multiply-accumulates
 * per value loses more in the Q/DQ pairs around it than its arithmetic gains. Models with some nodes in float
 * are timed against each other. The fastest is timed again against float and int8, because the fastest of many
 * is partly chosen by chance.
 */
import type { Model } from "../ir/index.js";
import type { SearchSpace } from "./by-accuracy.js";

/** Interleaved median times of the models, in milliseconds. */
export type Timer = (models: readonly Model[]) => Promise<readonly number[]>;

export interface PayingChoice {
  /** Nodes to leave in float for speed. */
  readonly floatNodes: readonly string[];
  /** Times of the model in float, with all nodes in int8, and as chosen, in milliseconds. */
  readonly floatMs: number;
  readonly int8Ms: number;
  readonly chosenMs: number;
}

/** What is worth timing, derived from the flow of codes in the model. */
export interface TimingHints {
  /** Groups of nodes connected by codes, the most likely to lose first. */
  readonly islands: readonly (readonly string[])[];
  /** The nodes that a cost table would leave in float. */
  readonly predicted: readonly string[];
}

/**
 * Below this fraction of float's time, int8 pays off as a whole, and no fractions of the nodes are tried in
 * float.
 */
const CLEARLY_FASTER = 0.85;
/** Differences below this are noise between interleaved medians. */
const NOISE = 0.03;
/** Islands whose float form saves this much time are tried in float together. */
const HINT = 0.01;
/** Fractions of the nodes to try in float, those with the least arithmetic per value. */
const TRIED = [0.25, 0.5, 0.75];
const MAX_ISLANDS = 4;
/** Target time of a round of timings in milliseconds; each model runs at least eight times. */
const ROUND_MS = 3_000;
const MIN_RUNS = 8;
const MIN_SETS = 3;
/** Timings one after the other: float against int8, the sets to try, and the best of them. */
export const TIMED_ROUNDS = 3;

type NodeSet = readonly string[];

/** @param hints without them, only fractions of the nodes are tried */
export async function choosePayingNodes(
  { nodes, build }: SearchSpace,
  time: Timer,
  hints: TimingHints = { islands: [], predicted: [] },
): Promise<PayingChoice> {
  const all = nodes.map(({ name }) => name);
  const [float, int8] = [await build(all), await build([])];
  const timed = async (sets: readonly NodeSet[]): Promise<readonly number[]> => {
    const models = [float, int8];
    for (const set of sets) models.push(await build(set));
    return time(models);
  };
  const [floatMs = 0, int8Ms = 0] = await timed([]);
  const isClear = int8Ms <= CLEARLY_FASTER * floatMs;
  const shares = isClear ? [] : sharesOf(nodes);
  const islands = hints.islands.length > 1 ? hints.islands.slice(0, MAX_ISLANDS) : [];
  const affordable = Math.max(MIN_SETS, Math.floor(ROUND_MS / (MIN_RUNS * Math.max(floatMs, int8Ms))));
  const sets = distinct([hints.predicted, ...shares, ...islands], all.length).slice(0, affordable);
  if (sets.length === 0) return verdict(all, [], [floatMs, int8Ms]);
  const finalists = finalistsOf(sets, islands, await timed(sets), all.length);
  return verdict(all, finalists, await timed(finalists));
}

/** The first nodes by arithmetic per value, least first. */
function sharesOf(nodes: SearchSpace["nodes"]): NodeSet[] {
  const order = [...nodes].sort((a, b) => a.intensity - b.intensity).map(({ name }) => name);
  return TRIED.map((share) => order.slice(0, Math.round(share * order.length)));
}

/** Omits sets that leave nothing or everything in float. */
function distinct(sets: readonly NodeSet[], count: number): NodeSet[] {
  const proper = sets.filter(({ length }) => length > 0 && length < count);
  return [...new Map(proper.map((set) => [JSON.stringify([...set].sort()), set])).values()];
}

/** The fastest set, and the union of the islands that each gained time. */
function finalistsOf(
  sets: readonly NodeSet[],
  islands: readonly NodeSet[],
  [, int8Ms = 0, ...times]: readonly number[],
  count: number,
): NodeSet[] {
  const best = sets[times.indexOf(Math.min(...times))]!;
  const losing = sets.filter((set, k) => islands.includes(set) && times[k]! < (1 - HINT) * int8Ms);
  return distinct([best, losing.flat()], count);
}

/** A mixture if clearly faster than both, else int8 if clearly faster than float, else float. */
function verdict(
  all: NodeSet,
  finalists: readonly NodeSet[],
  [floatMs = 0, int8Ms = 0, ...times]: readonly number[],
): PayingChoice {
  const fastest = Math.min(...times);
  if (fastest < (1 - NOISE) * Math.min(floatMs, int8Ms))
    return { floatNodes: finalists[times.indexOf(fastest)]!, floatMs, int8Ms, chosenMs: fastest };
  const pays = int8Ms < (1 - NOISE) * floatMs;
  return { floatNodes: pays ? [] : all, floatMs, int8Ms, chosenMs: pays ? int8Ms : floatMs };
}
