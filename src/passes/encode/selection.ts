/**
 * Chooses the form of each constant, and the chains that become functions, so that the file is smallest. A chain
 * written out costs its nodes; a call of a function costs little, and the function itself is paid once. This is
 * facility location: functions are opened greedily while that reduces the total, and closed again if that does.
 */
import type { FunctionDef } from "../../ir/index.js";
import type { PassContext } from "../contract.js";
import { defineFunction } from "./chain-functions.js";
import type { ChainStructure } from "./chain-structures.js";
import type { Choice } from "./form-options.js";
import { estimatedChanges } from "./selection-changes.js";
import { FormProblem, type Selection } from "./form-problem.js";
import { functionWireSize, opsetWireSize } from "./wire-size.js";

/** The selection of fewest bytes found. Without a `domain` there are no functions. */
export async function selectForms(
  choices: readonly Choice[],
  opset: number,
  domain: string | undefined,
  advance?: PassContext["advance"],
): Promise<Selection> {
  const sizes =
    domain === undefined ? new Map<ChainStructure, number>() : functionSizes(choices, opset, domain);
  const importBytes = domain === undefined ? 0 : opsetWireSize({ domain, version: 1n });
  const problem = new FormProblem(choices, sizes, importBytes);
  const plain = problem.evaluate(new Set());
  if (domain === undefined) return plain;
  // From no function upwards and, as chains that pay only together are missed so, from those wanted if all
  // were free.
  const wanted = new Set(problem.evaluate(new Set(sizes.keys())).picks.map((pick) => pick?.chain));
  const starts = [plain, problem.evaluate(new Set([...sizes.keys()].filter((chain) => wanted.has(chain))))];
  let best = plain;
  for (const start of starts) {
    const found = await improve(problem, start, advance);
    if (found.cost < best.cost) best = found;
  }
  return best;
}

/** Opens or closes one function at a time, that which makes the file smallest, while there is one. */
async function improve(
  problem: FormProblem,
  start: Selection,
  advance: PassContext["advance"],
): Promise<Selection> {
  let best = start;
  for (let round = 0; ; round++) {
    const before = best;
    const { functions } = before;
    let tried = 0;
    for (const { chain, change } of estimatedChanges(problem, before)) {
      // Each full trial walks all constants, so trials whose estimate is no better than the best found are
      // skipped, unless all of them are quick.
      if (tried >= problem.quickTrials && before.cost + change >= best.cost) break;
      await advance?.(tried++, problem.sizes.size, "shared chains");
      const trial = new Set(functions);
      if (!trial.delete(chain)) trial.add(chain);
      const selection = problem.evaluate(trial);
      if (selection.cost < best.cost) best = selection;
    }
    if (best === before) return best;
  }
}

/** Bytes of a function for each chain that at least two constants could share. */
function functionSizes(
  choices: readonly Choice[],
  opset: number,
  domain: string,
): Map<ChainStructure, number> {
  const sizes = new Map<ChainStructure, number>();
  const seen = new Set<ChainStructure>();
  for (const { options } of choices)
    for (const { chain } of options) {
      if (seen.has(chain) && !sizes.has(chain))
        sizes.set(chain, functionWireSize(defineFunction(domain, 0, chain.nodes, opset)));
      seen.add(chain);
    }
  return sizes;
}

/** The functions of a selection, by their chains. */
export function functionsOf(
  { picks, functions }: Selection,
  opset: number,
  domain: string,
): Map<ChainStructure, FunctionDef> {
  const definitions = new Map<ChainStructure, FunctionDef>();
  for (const pick of picks)
    if (pick && functions.has(pick.chain) && !definitions.has(pick.chain))
      definitions.set(pick.chain, defineFunction(domain, definitions.size, pick.chain.nodes, opset));
  return definitions;
}
