/**
 * Which nodes to leave in float so that the outputs hold. Nodes are ranked by how much noise goes from the
 * outputs when only they are left in float; then the shortest start of the ranking is taken that reaches
 * the goal.
 */
import type { Model } from "../ir/index.js";
import { noiseOf } from "../numeric/decibels.js";

/** A node that would be computed in int8. */
export interface SearchNode {
  readonly name: string;
  readonly opType: string;
  /** Its share of the multiply-accumulates of all nodes of the search, 0 to 1. */
  readonly share: number;
  /** Multiply-accumulates for each value that it reads or makes. */
  readonly intensity: number;
}

export interface NodeSensitivity extends SearchNode {
  /** Mean signal-to-noise ratio of the outputs with this node in float and all others in int8, dB. */
  readonly db: number;
  /**
   * What its int8 form adds to the noise of the outputs, as a share of the signal; negative when it takes
   * some away.
   */
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
  /** Lets it say what it turns to, where there is nothing to count. */
  readonly stage?: (step: string) => void;
  /** Takes what has been measured so far. */
  readonly remember?: (ranking: readonly NodeSensitivity[]) => void;
  /** Takes each model that is better than those before it, so that an end before time loses nothing. */
  readonly onBest?: (model: Model) => Promise<void>;
}

export interface SearchLimits {
  /** The score to reach, dB. */
  readonly goalDb: number;
  /**
   * Decides in the score's place whether a model is near enough: it may run what was asked for on other
   * data.
   */
  readonly meetsGates?: (model: Model) => Promise<boolean>;
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

/** @param known what an earlier search of the same space has measured, which is not measured anew */
export async function chooseFloatNodes(
  space: SearchSpace,
  limits: SearchLimits,
  known: readonly NodeSensitivity[] = [],
): Promise<NodeChoice> {
  const evaluator = new NodeSetEvaluator(space, limits);
  const start = await evaluator.evaluate([]);
  if (start.reached) return { floatNodes: [], beforeDb: start.db, afterDb: start.db, ranking: known };
  const ranking = await rankNodes(space, limits.deadline, known);
  // Where others decide, what takes noise away by itself may have to go as well: with all nodes in float
  // nothing is lost.
  const worthwhile = affordable(
    ranking.filter(({ noise }) => noise > 0 || limits.meetsGates),
    limits.mostShare,
  ).map(({ name }) => name);
  const found = await shortestStart(worthwhile, evaluator, limits.deadline, start);
  const best =
    found.reached || !limits.meetsGates ? found : await allInFloat(space, evaluator, limits, found);
  return { floatNodes: best.names, beforeDb: start.db, afterDb: best.db, ranking };
}

interface EvaluatedSet {
  readonly names: readonly string[];
  readonly db: number;
  readonly reached: boolean;
}

class NodeSetEvaluator {
  private bestDb = -Infinity;

  constructor(
    private readonly space: SearchSpace,
    private readonly limits: SearchLimits,
  ) {}

  async evaluate(names: readonly string[]): Promise<EvaluatedSet> {
    this.space.stage?.(
      names.length === 0 ? "score the model in int8" : `score the model with ${names.length} nodes in float`,
    );
    const model = await this.space.build(names);
    const db = await this.space.score(model, false);
    const reached = await (this.limits.meetsGates?.(model) ?? db >= this.limits.goalDb);
    if (db > this.bestDb) await this.space.onBest?.(model);
    this.bestDb = Math.max(this.bestDb, db);
    return { names, db, reached };
  }
}

/**
 * All nodes of the space that the time allows, the most rewarding first: noise taken away for what it
 * costs.
 */
export async function rankNodes(
  { nodes, build, score, progress, stage, remember }: SearchSpace,
  deadline: number,
  known: readonly NodeSensitivity[] = [],
): Promise<NodeSensitivity[]> {
  const byName = new Map(known.map((node) => [node.name, node]));
  const ranking = nodes.flatMap(({ name }) => byName.get(name) ?? []);
  const unknown = nodes.filter(({ name }) => !byName.has(name));
  if (unknown.length === 0 || performance.now() > deadline)
    return ranking.sort((a, b) => reward(b) - reward(a));
  stage?.("score the model in int8");
  const base = noiseOf(await score(await build([]), true));
  progress?.(ranking.length, nodes.length);
  for (const node of unknown) {
    if (performance.now() > deadline) break;
    const db = await score(await build([node.name]), true);
    ranking.push({ ...node, db, noise: base - noiseOf(db) });
    progress?.(ranking.length, nodes.length);
    remember?.(ranking);
  }
  return ranking.sort((a, b) => reward(b) - reward(a));
}

function reward({ noise, share }: NodeSensitivity): number {
  return noise / (FIXED_COST + share);
}

function affordable<T extends SearchNode>(ranking: readonly T[], mostShare: number): T[] {
  let sum = 0;
  return ranking.filter(({ share }) => {
    // Shares that make up the whole may come to a little more in floating point.
    if (sum + share > mostShare + 1e-9) return false;
    sum += share;
    return true;
  });
}

/**
 * Where the time was too short to find out which nodes it takes, all that may go back to float are tried
 * before giving up.
 */
async function allInFloat(
  { nodes }: SearchSpace,
  evaluator: NodeSetEvaluator,
  { mostShare }: SearchLimits,
  found: EvaluatedSet,
): Promise<EvaluatedSet> {
  const all = affordable(nodes, mostShare).map(({ name }) => name);
  if (all.length === found.names.length) return found;
  const evaluated = await evaluator.evaluate(all);
  return evaluated.reached ? evaluated : found;
}

/**
 * Doubles the number of nodes until the goal is met, then halves the last step; the best start seen if it
 * never is.
 */
async function shortestStart(
  names: readonly string[],
  evaluator: NodeSetEvaluator,
  deadline: number,
  start: EvaluatedSet,
): Promise<EvaluatedSet> {
  let best = start;
  let failing = 0;
  const tryCount = async (count: number): Promise<boolean> => {
    const evaluated = await evaluator.evaluate(names.slice(0, count));
    if (
      evaluated.reached ? !best.reached || count < best.names.length : !best.reached && evaluated.db > best.db
    )
      best = evaluated;
    if (!evaluated.reached) failing = Math.max(failing, count);
    return evaluated.reached;
  };
  for (let count = 1; names.length > 0; count = Math.min(2 * count, names.length)) {
    if ((await tryCount(count)) || count === names.length || performance.now() > deadline) break;
  }
  while (best.reached && best.names.length - failing > 1 && performance.now() <= deadline)
    await tryCount((failing + best.names.length) >> 1);
  return best;
}
