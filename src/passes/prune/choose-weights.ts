/** Chooses the weights to keep: over all layers together, layer by layer, or in a pattern. */
import { keepHighest, stageCounts } from "../../numeric/pruning.js";
import { runInParallel, type Working } from "../compute.js";
import type { BlockPattern } from "./amount.js";
import type { LayerState } from "./layer-state.js";

/**
 * Stages in which weights are removed if losses are known. After each, the remaining weights are refit and
 * losses measured again: one weight compensates for another, so removing the other then costs more. LeNet at
 * 85 % pruned has top-1 95.8 % with one stage, 97.7 % with two, 98.4 % with five; twelve gain nothing more.
 */
const STAGES = 5;

/** How many of `size` weights a ratio leaves. */
export function keptOf(size: number, ratio: number): number {
  return size - Math.round(size * ratio);
}

/**
 * How many of `size` prunable weights to keep so that a `ratio` of these and the `dense` protected ones
 * together is zero. The prunable ones compensate for the protected ones, but always keep three quarters of
 * their own share.
 */
export function keptBeside(size: number, dense: number, ratio: number): number {
  const own = keptOf(size, ratio);
  return Math.max(keptOf(size + dense, ratio) - dense, Math.ceil(0.75 * own));
}

/** Removes weights from all layers together until `keep` are left. */
export function chooseGlobally(
  context: Working,
  states: readonly LayerState[],
  keep: number,
  withLosses: boolean,
): Promise<void> {
  return removeInStages(context, states, keep, withLosses);
}

/** Removes a `ratio` of the weights of each layer. */
export async function chooseByLayer(
  context: Working,
  states: readonly LayerState[],
  ratio: number,
  withLosses: boolean,
): Promise<void> {
  for (const state of states) await removeInStages(context, [state], keptOf(state.count, ratio), withLosses);
}

async function removeInStages(
  context: Working,
  states: readonly LayerState[],
  keep: number,
  withLosses: boolean,
): Promise<void> {
  const left = states.reduce((sum, state) => sum + state.left, 0);
  if (keep >= left) return;
  const counts = withLosses ? stageCounts(left, keep, STAGES) : [keep];
  for (const [stage, count] of counts.entries()) {
    keepHighest(states, count);
    if (stage === counts.length - 1) break;
    await eachAlone(
      context,
      states,
      (state) => state.measureAgain(context.linearAlgebra),
      () => undefined,
      `stage ${stage + 1} of ${counts.length - 1}`,
    );
  }
}

/**
 * Keeps N of every M consecutive input channels. Scores decide within each block, in one stage.
 */
export async function choosePattern(
  context: Working,
  states: readonly LayerState[],
  pattern: BlockPattern,
): Promise<void> {
  await runInParallel(
    context,
    states,
    (state) => state.keepPattern(pattern, context.compute),
    undefined,
    "pattern",
  );
}

/** One layer at a time: the moments of a large layer take as much memory as everything else. */
export async function eachAlone<R>(
  context: Working,
  states: readonly LayerState[],
  start: (state: LayerState) => Promise<R>,
  finish: (state: LayerState, result: R) => void,
  part: string,
): Promise<void> {
  await runInParallel({ ...context, compute: { ...context.compute, width: 1 } }, states, start, finish, part);
}

/**
 * Scores all layers by loss, or by magnitude if no layer's inputs were measured. Returns whether losses are
 * known.
 */
export async function score(context: Working, states: readonly LayerState[]): Promise<boolean> {
  await eachAlone(
    context,
    states,
    (state) => state.scoreLosses(context.linearAlgebra),
    () => undefined,
    "losses",
  );
  if (states.some((state) => state.isFitted)) return true;
  for (const state of states) state.scoreMagnitudes();
  return false;
}
