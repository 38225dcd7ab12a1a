/**
 * Chooses nodes to leave in float for accuracy. Nodes are ranked by the noise that the outputs lose if only
 * that node is in float; then the shortest prefix of the ranking that reaches the goal is chosen.
 */
import type { SampleScores } from "../fidelity/index.js";
import type { Model } from "../ir/index.js";
import { noiseOf } from "../numeric/decibels.js";

/** A node that int8 would compute. */
export interface SearchNode {
  readonly name: string;
  readonly opType: string;
  /** Its fraction of the multiply-accumulates of all nodes of the search, 0 to 1. */
  readonly share: number;
  /** Multiply-accumulates per value that it reads or writes. */
  readonly intensity: number;
}

export interface NodeSensitivity extends SearchNode {
  /** Mean signal-to-noise ratio of the outputs with this node in float and all others in int8, dB. */
  readonly db: number;
  /** The output noise that its int8 form adds, relative to the signal's power; negative if it removes noise. */
  readonly noise: number;
}

export interface SearchSpace {
  /** In the order of measurement, most promising first. */
  readonly nodes: readonly SearchNode[];
  /** Builds the model in int8 except for the named nodes. */
  readonly build: (floatNodes: readonly string[]) => Promise<Model>;
  /** How close the outputs are to the reference's. A quick score uses few samples. */
  readonly score: (model: Model, quick: boolean) => Promise<SampleScores>;
  /** Reports progress. */
  readonly progress?: (done: number, total: number) => void;
  /** Reports the next step, if it cannot be counted. */
  readonly stage?: (step: string) => void;
  /** Receives the measurements so far. */
  readonly remember?: (ranking: readonly NodeSensitivity[]) => void;
  /** Receives each model that is better than earlier ones, so that an early end loses nothing. */
  readonly onBest?: (model: Model) => Promise<void>;
}

export interface SearchLimits {
  /** Whether a score is good enough. */
  readonly isEnough: (scores: SampleScores) => boolean;
  /** Decides instead of the score whether a model is accurate enough; may run gates on other data. */
  readonly meetsGates?: (model: Model) => Promise<boolean>;
  /** The largest fraction of multiply-accumulates that may return to float, 0 to 1. */
  readonly maxShare: number;
  /** Whether all nodes are tried in float where nothing less is enough; always so with gates. */
  readonly triesAll?: boolean;
  /** When to stop, in the time of `performance.now()`. */
  readonly deadline: number;
  /** Nodes to measure at most; default all. */
  readonly measurements?: number;
}

export interface NodeChoice {
  readonly floatNodes: readonly string[];
  /** With all nodes in int8, and with the nodes above in float. */
  readonly beforeDb: number;
  readonly afterDb: number;
  readonly ranking: readonly NodeSensitivity[];
  /** Whether that is enough. */
  readonly reached: boolean;
}

/** What float layers must bring where the floor is out of reach, dB: half of the noise. */
const WORTH_DB = 3;

/** The minimum cost of a node with few multiply-accumulates: the Q/DQ pairs around it. */
const FIXED_COST = 0.02;

/** @param known measurements of an earlier search of the same space, which are not repeated */
export async function chooseFloatNodes(
  space: SearchSpace,
  limits: SearchLimits,
  known: readonly NodeSensitivity[] = [],
): Promise<NodeChoice> {
  const evaluator = new NodeSetEvaluator(space, limits);
  const start = await evaluator.evaluate([]);
  if (start.reached) return choiceOf(start, start, known);
  const ranking = await rankNodes(space, limits, known);
  // If `isGood` decides, nodes whose int8 form reduces noise may have to return to float too: with all nodes in
  // float, nothing is lost.
  const worthwhile = affordable(
    ranking.filter(({ noise }) => noise > 0 || limits.meetsGates),
    limits.maxShare,
  ).map(({ name }) => name);
  const found = await shortestStart(worthwhile, evaluator, limits.deadline, start);
  const best =
    found.reached || !(limits.meetsGates ?? limits.triesAll)
      ? found
      : await allInFloat(space, evaluator, limits, found);
  // What misses the floor all the same gives up int8 only for much.
  const isWorthIt = best.reached || limits.triesAll !== true || best.db >= start.db + WORTH_DB;
  return choiceOf(start, isWorthIt ? best : start, ranking);
}

function choiceOf(start: EvaluatedSet, best: EvaluatedSet, ranking: readonly NodeSensitivity[]): NodeChoice {
  const { names, db, reached } = best;
  return { floatNodes: names, beforeDb: start.db, afterDb: db, ranking, reached };
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
    const scores = await this.space.score(model, false);
    const { db } = scores;
    const reached = await (this.limits.meetsGates?.(model) ?? this.limits.isEnough(scores));
    if (db > this.bestDb) await this.space.onBest?.(model);
    this.bestDb = Math.max(this.bestDb, db);
    return { names, db, reached };
  }
}

/** All nodes that the time allows, ranked by the noise removed per cost. */
export async function rankNodes(
  { nodes, build, score, progress, stage, remember }: SearchSpace,
  { deadline, measurements = Infinity }: Pick<SearchLimits, "deadline" | "measurements">,
  known: readonly NodeSensitivity[] = [],
): Promise<NodeSensitivity[]> {
  const byName = new Map(known.map((node) => [node.name, node]));
  const ranking = nodes.flatMap(({ name }) => byName.get(name) ?? []);
  const unknown = nodes.filter(({ name }) => !byName.has(name)).slice(0, measurements);
  if (unknown.length === 0 || performance.now() > deadline)
    return ranking.sort((a, b) => reward(b) - reward(a));
  stage?.("score the model in int8");
  const base = noiseOf((await score(await build([]), true)).db);
  progress?.(ranking.length, nodes.length);
  for (const node of unknown) {
    if (performance.now() > deadline) break;
    const { db } = await score(await build([node.name]), true);
    ranking.push({ ...node, db, noise: base - noiseOf(db) });
    progress?.(ranking.length, nodes.length);
    remember?.(ranking);
  }
  return ranking.sort((a, b) => reward(b) - reward(a));
}

function reward({ noise, share }: NodeSensitivity): number {
  return noise / (FIXED_COST + share);
}

function affordable<T extends SearchNode>(ranking: readonly T[], maxShare: number): T[] {
  let sum = 0;
  return ranking.filter(({ share }) => {
    // The rounded sum of all fractions may slightly exceed 1.
    if (sum + share > maxShare + 1e-9) return false;
    sum += share;
    return true;
  });
}

/** If the time was too short for a ranking, tries all nodes that may return to float before giving up. */
async function allInFloat(
  { nodes }: SearchSpace,
  evaluator: NodeSetEvaluator,
  { maxShare }: SearchLimits,
  found: EvaluatedSet,
): Promise<EvaluatedSet> {
  const all = affordable(nodes, maxShare).map(({ name }) => name);
  if (all.length === found.names.length) return found;
  const evaluated = await evaluator.evaluate(all);
  return evaluated.reached ? evaluated : found;
}

/**
 * Doubles the number of nodes until the goal is met, then bisects the last step. Returns the best prefix if the
 * goal is never met.
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
