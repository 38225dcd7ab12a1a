/**
 * Which nodes to leave in float so that the outputs hold. Nodes are ranked by how much noise goes from the outputs when
 * only they are left in float; then the shortest start of the ranking is taken that reaches the goal.
 */
import type { Model } from "../../ir/index.js";

/** A node that would be computed in int8. */
export interface SearchNode {
  readonly name: string;
  readonly opType: string;
  /** Its share of the multiply-accumulates of all nodes of the search, 0 to 1. */
  readonly share: number;
}

export interface NodeSensitivity extends SearchNode {
  /** Mean signal-to-noise ratio of the outputs with this node in float and all others in int8, dB. */
  readonly db: number;
  /** What its int8 form adds to the noise of the outputs, as a share of the signal; negative when it takes some away. */
  readonly noise: number;
}

export interface SearchSpace {
  /** In the order in which they are worth measuring. */
  readonly nodes: readonly SearchNode[];
  /** The model in int8 but for the nodes named. */
  readonly build: (floatNodes: readonly string[]) => Promise<Model>;
  /** How near the outputs are, dB. A quick score takes few samples. */
  readonly score: (model: Model, quick: boolean) => Promise<number>;
  /** Lets the search say how far it is. */
  readonly progress?: (done: number, total: number) => void;
}

export interface SearchLimits {
  /** The score to reach, dB. */
  readonly goalDb: number;
  /** The multiply-accumulates that may go back to float, 0 to 1. */
  readonly mostShare: number;
  /** When to stop looking, by `performance.now()`. */
  readonly deadline: number;
}

export interface NodeChoice {
  readonly floatNodes: readonly string[];
  /** With all nodes in int8, and with the nodes above in float. */
  readonly beforeDb: number;
  readonly afterDb: number;
  readonly ranking: readonly NodeSensitivity[];
}

/** What a node costs even when it has few multiply-accumulates: the Q/DQ pairs around it. */
const FIXED_COST = 0.02;

/** @param known a ranking of an earlier search of the same space, which is not measured anew */
export async function chooseFloatNodes(space: SearchSpace, limits: SearchLimits, known?: readonly NodeSensitivity[]): Promise<NodeChoice> {
  const scoreWith = async (names: readonly string[]): Promise<number> => space.score(await space.build(names), false);
  const beforeDb = await scoreWith([]);
  if (beforeDb >= limits.goalDb) return { floatNodes: [], beforeDb, afterDb: beforeDb, ranking: known ?? [] };
  const ranking = known ?? await rankNodes(space, limits.deadline);
  const worthwhile = affordable(ranking.filter(({ noise }) => noise > 0), limits.mostShare).map(({ name }) => name);
  const { count, db } = await shortestStart(worthwhile, scoreWith, limits, beforeDb);
  return { floatNodes: worthwhile.slice(0, count), beforeDb, afterDb: db, ranking };
}

/** All nodes of the space that the time allows, the most rewarding first: noise taken away for what it costs. */
export async function rankNodes({ nodes, build, score, progress }: SearchSpace, deadline: number): Promise<NodeSensitivity[]> {
  const base = noiseOf(await score(await build([]), true));
  const ranking: NodeSensitivity[] = [];
  for (const node of nodes) {
    if (performance.now() > deadline) break;
    const db = await score(await build([node.name]), true);
    ranking.push({ ...node, db, noise: base - noiseOf(db) });
    progress?.(ranking.length, nodes.length);
  }
  return ranking.sort((a, b) => reward(b) - reward(a));
}

function reward({ noise, share }: NodeSensitivity): number {
  return noise / (FIXED_COST + share);
}

/** Noise as a share of the signal. */
function noiseOf(db: number): number {
  return 10 ** (-db / 10);
}

function affordable(ranking: readonly NodeSensitivity[], mostShare: number): NodeSensitivity[] {
  let sum = 0;
  return ranking.filter(({ share }) => {
    if (sum + share > mostShare) return false;
    sum += share;
    return true;
  });
}

/** Doubles the number of nodes until the goal is met, then halves the last step; the best start seen if it never is. */
async function shortestStart(names: readonly string[], scoreWith: (names: readonly string[]) => Promise<number>, { goalDb, deadline }: SearchLimits, beforeDb: number): Promise<{ count: number; db: number }> {
  let best = { count: 0, db: beforeDb };
  let failing = 0;
  const tryCount = async (count: number): Promise<boolean> => {
    const db = await scoreWith(names.slice(0, count));
    const reached = db >= goalDb;
    if (reached ? best.db < goalDb || count < best.count : db > best.db) best = { count, db };
    if (!reached) failing = Math.max(failing, count);
    return reached;
  };
  for (let count = 1; names.length > 0; count = Math.min(2 * count, names.length)) {
    if (await tryCount(count) || count === names.length || performance.now() > deadline) break;
  }
  while (best.db >= goalDb && best.count - failing > 1 && performance.now() <= deadline) await tryCount((failing + best.count) >> 1);
  return best;
}
