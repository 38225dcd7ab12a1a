/**
 * upgrade-opset: converts the nodes of an old model to a newer operator set, which per-channel scales and most
 * storage forms need.
 *
 * All or nothing: if a node cannot be converted, a diagnostic names it and the model stays unchanged; passes
 * that need the newer set then skip the model. Conversions are in ops/upgrade, one small adapter per operator
 * and version; they cover operator sets 1 to 26, the newest that onnxruntime 1.30 runs, in every scope.
 */
import { EdgecError } from "../../errors.js";
import { opsetVersion } from "../../ir/index.js";
import {
  blockersText,
  NEWEST_OPSET,
  OLDEST_OPSET,
  upgradeOpset as convert,
} from "../../ops/upgrade/upgrade-opset.js";
import { definePass } from "../define-pass.js";
import { option } from "../../option-names.js";

/** Advice for runs with named passes; the recipe upgrades every model that it can. */
export function raiseOpset(): string {
  return `If you name passes with ${option("passes")}, put "upgrade-opset" before this one.`;
}

/** The first with per-channel scales. */
export const DEFAULT_TARGET = 13;

export interface UpgradeOpsetOptions {
  /** The operator set to convert to; a model with this one or a newer one stays unchanged. */
  readonly target: number;
}

export const upgradeOpset = definePass<UpgradeOpsetOptions>({
  name: "upgrade-opset",
  description: "Convert the nodes of an old model to operator set 13, which per-channel scales need",
  lossy: false,
  growsFile: true,
  defaults: { target: DEFAULT_TARGET },
  validate: ({ target }) => {
    if (!Number.isInteger(target) || target < OLDEST_OPSET || target > NEWEST_OPSET) {
      throw new EdgecError(
        "BAD_OPTION",
        `upgrade-opset: target must be a whole number from ${OLDEST_OPSET} to ${NEWEST_OPSET}, not ${target}.`,
      );
    }
  },
  run: (model, { target }) => {
    const from = opsetVersion(model);
    const { upgraded, blockers } = convert(model, target);
    const message =
      `The model stays at operator set ${from}, because it cannot be converted to ` +
      `${target}: ${blockersText(blockers)}.`;
    return {
      modified: upgraded,
      stats: upgraded ? { from, to: target } : {},
      nodes: [],
      diagnostics: blockers.length > 0 ? [{ id: "upgrade-opset/blocked", severity: "warning", message }] : [],
    };
  },
});
