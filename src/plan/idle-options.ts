/** Refuses options without effect, which would mislead. */
import { EdgecError, suggestion } from "../errors.js";
import { takesExclusions } from "./bind-pass.js";
import type { Exclusions } from "./exclusions.js";
import type { PlanOptions } from "./plan-request.js";
import { flagKey, type RegisteredPass } from "./registered-pass.js";
import { PASSES } from "./registry.js";

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
      `--${flagKey(pass.flag)} sets options of the pass "${pass.name}", which --passes does ` +
        "not include. Add the pass to --passes, or leave the flag out.",
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
      pass.flag ? pass.flag.syntax.split(" ")[0] : pass.name,
    );
    throw new EdgecError(
      "BAD_OPTION",
      `--${FLAG_NAMES.get(name) ?? kebab(name)} has no effect here: none of the passes that ` +
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
      "--exclude has no effect here: it protects nodes and constants from lossy passes, and " +
        "no lossy pass runs. Use it with --prune, --int8, --cluster or --storage int8.",
    )
  );
}

/** Flags that are not named after the option they set. */
const FLAG_NAMES: ReadonlyMap<string, string> = new Map([["perChannel", "per-tensor"]]);

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
