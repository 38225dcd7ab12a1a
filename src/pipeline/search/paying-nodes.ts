/**
 * Which nodes int8 does not pay for on the machine at hand. A convolution with few multiply-accumulates for each value
 * that it moves loses more in the Q/DQ pairs around it than its arithmetic gains.
 */
import type { Model } from "../../ir/index.js";
import type { SearchSpace } from "./float-nodes.js";

/** Median times of the models, measured in turns, milliseconds. */
export type Timer = (models: readonly Model[]) => Promise<readonly number[]>;

export interface PayingChoice {
  /** Nodes to leave in float for speed. */
  readonly floatNodes: readonly string[];
  /** Of the model in float, with all nodes in int8, and as chosen, milliseconds. */
  readonly floatMs: number;
  readonly int8Ms: number;
  readonly chosenMs: number;
}

/** Below this share of float's time int8 pays as a whole, and nothing more is tried. */
const CLEARLY_FASTER = 0.85;
/** Differences below this are noise between interleaved medians. */
const NOISE = 0.03;
/** Shares of the nodes, those with the least arithmetic for what they move, that are tried in float. */
const TRIED = [0.25, 0.5, 0.75];

export async function choosePayingNodes({ nodes, build }: SearchSpace, time: Timer): Promise<PayingChoice> {
  const all = nodes.map(({ name }) => name);
  const [float, int8] = [await build(all), await build([])];
  const [floatMs = 0, int8Ms = 0] = await time([float, int8]);
  if (int8Ms <= CLEARLY_FASTER * floatMs) return { floatNodes: [], floatMs, int8Ms, chosenMs: int8Ms };
  const order = [...nodes].sort((a, b) => a.intensity - b.intensity).map(({ name }) => name);
  const sets = [[], ...TRIED.map((share) => order.slice(0, Math.round(share * order.length)))];
  const models: Model[] = [int8];
  for (const set of sets.slice(1)) models.push(await build(set));
  const [baseMs = 0, ...times] = await time([float, ...models]);
  const best = times.indexOf(Math.min(...times));
  const pays = times[best]! < (1 - NOISE) * baseMs;
  return { floatNodes: pays ? sets[best]! : all, floatMs: baseMs, int8Ms: times[0]!, chosenMs: pays ? times[best]! : baseMs };
}
