/**
 * Estimates the bytes that adding or removing each function would save or cost a selection, from one walk over
 * the constants; a full trial takes one walk per function. Shared constants are counted roughly.
 */
import type { ChainStructure } from "./chain-structures.js";
import type { FormOption } from "./form-options.js";
import { ownCost, type FormProblem, type Selection } from "./form-problem.js";

export interface FunctionChange {
  readonly chain: ChainStructure;
  /** Bytes of the file, less than 0 where it would shrink. */
  readonly change: number;
}

/** The best first. */
export function estimatedChanges(problem: FormProblem, selection: Selection): FunctionChange[] {
  const { functions, picks } = selection;
  const paid = new Set(picks.flatMap((pick) => pick?.shared ?? []));
  const changes = new Map<ChainStructure, number>();
  const brought = new Map<ChainStructure, Set<unknown>>();
  const add = (chain: ChainStructure, bytes: number): void =>
    void changes.set(chain, (changes.get(chain) ?? 0) + bytes);
  const bring = (chain: ChainStructure, { shared }: FormOption): void => {
    for (const constant of shared) {
      if (paid.has(constant)) continue;
      let own = brought.get(chain);
      if (!own) brought.set(chain, (own = new Set()));
      if (own.has(constant)) continue;
      own.add(constant);
      add(chain, constant.bytes);
    }
  };
  for (const [at, { options, denseBytes, limitBytes }] of problem.choices.entries()) {
    const pick = picks[at];
    const now = pick ? ownCost(pick, functions) : denseBytes;
    const most = pick ? now : Math.min(now, limitBytes);
    for (const option of options) {
      const cost = option.callBytes + option.loadCost;
      if (functions.has(option.chain) || cost >= most) continue;
      add(option.chain, cost - now);
      bring(option.chain, option);
    }
    if (pick === undefined || !functions.has(pick.chain)) continue;
    const other = withoutFunction(options, pick.chain, functions);
    const cost = other ? ownCostWithout(other, pick.chain, functions) : Infinity;
    add(pick.chain, Math.min(cost, denseBytes) - now);
    if (other && cost < denseBytes) bring(pick.chain, other);
  }
  const all = [...problem.sizes.keys()].map((chain) => ({
    chain,
    change: (changes.get(chain) ?? 0) + problem.toggleBytes(chain, functions),
  }));
  return all.sort((a, b) => a.change - b.change);
}

/** The smallest form when one chain is no function any more. */
function withoutFunction(
  options: readonly FormOption[],
  closed: ChainStructure,
  functions: ReadonlySet<ChainStructure>,
): FormOption | undefined {
  let best: FormOption | undefined;
  let least = Infinity;
  for (const option of options) {
    const cost = ownCostWithout(option, closed, functions);
    if (cost < least) [best, least] = [option, cost];
  }
  return best;
}

function ownCostWithout(
  option: FormOption,
  closed: ChainStructure,
  functions: ReadonlySet<ChainStructure>,
): number {
  return option.chain === closed ? option.inlineBytes + option.loadCost : ownCost(option, functions);
}
