/** Refuses options without effect, which would mislead. */
import { EdgecError, suggestion } from "../errors.js";
import type { PassFlag } from "../passes/contract.js";
import { takesExclusions } from "./bind-pass.js";
import { COMPRESS_KEYS } from "./compress-options.js";
import type { Exclusions } from "./exclusions.js";
import type { PlanOptions } from "./plan-request.js";
import { flagKey, type RegisteredPass } from "./registered-pass.js";
import { PASSES } from "./registry.js";
import { option } from "../option-names.js";

/**
 * Throws EdgecError BAD_OPTION for a flag whose pass does not run, for a shared option that no planned pass
 * takes, and for exclusions where nothing lossy runs.
 */
export function refuseIdleOptions(
  options: PlanOptions,
  planned: ReadonlySet<RegisteredPass>,
  excluded: Exclusions,
): void {
  refuseIdleFlags(options, planned);
  refuseIdleShared(options.shared ?? {}, planned);
  refuseIdleExclusions(excluded, planned);
}

function refuseIdleFlags({ flags }: PlanOptions, planned: ReadonlySet<RegisteredPass>): void {
  const known = PASSES.flatMap(({ flag }) => (flag ? [flagKey(flag)] : []));
  const unknown = Object.keys(flags).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `flags: no pass has a flag "${unknown}".${suggestion(unknown, known)} Known flags: ` +
        `${known.join(", ")}.`,
    );
  for (const pass of PASSES) {
    if (!pass.flag || flags[flagKey(pass.flag)] === undefined || planned.has(pass)) continue;
    throw new EdgecError(
      "BAD_OPTION",
      `${optionOf(pass.flag)} sets options of the pass "${pass.name}", which ${option("passes")} does ` +
        `not include. Add the pass to ${option("passes")}, or leave the flag out.`,
    );
  }
}

function refuseIdleShared(
  shared: Readonly<Record<string, unknown>>,
  planned: ReadonlySet<RegisteredPass>,
): void {
  for (const [name, value] of Object.entries(shared)) {
    if (value === undefined || [...planned].some((pass) => name in pass.defaults)) continue;
    const takers = PASSES.filter((pass) => name in pass.defaults).map((pass) =>
      pass.flag ? optionOf(pass.flag) : pass.name,
    );
    throw new EdgecError(
      "BAD_OPTION",
      `${option(name)} has no effect here: none of the passes that ` +
        `run uses it. It is used by ${takers.join(" or ") || "no pass"}.`,
    );
  }
}

function refuseIdleExclusions(
  { selectors, unmatched }: Exclusions,
  planned: ReadonlySet<RegisteredPass>,
): void {
  if (selectors.length === 0 || [...planned].some(takesExclusions)) return;
  throw (
    unmatched ??
    new EdgecError(
      "BAD_OPTION",
      `${option("exclude")} has no effect here: it protects nodes and constants from lossy passes, and ` +
        `no lossy pass runs. Use it with ${option("prune")}, ${option("int8")}, ` +
        `${option("cluster")} or ${option("storage", "int8")}.`,
    )
  );
}

/** A flag that has no property of its own travels in `flags`. */
function optionOf(flag: PassFlag): string {
  const key = flagKey(flag);
  return option(key in COMPRESS_KEYS ? key : `flags.${key}`);
}
