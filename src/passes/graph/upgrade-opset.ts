/**
 * upgrade-opset: converts the nodes of an old model to a newer operator set, because scales per channel and most
 * stored forms need one.
 *
 * All or nothing: a node that cannot be converted is named and the model stays as it is; passes that needed the newer
 * set then leave it alone. Conversions are in ops/upgrade, one small adapter per operator and version; they cover
 * operator sets 1 to 26, the newest that onnxruntime 1.30 runs, in every scope.
 */
import { EdgecError } from "../../errors.js";
import { opsetVersion } from "../../ir/index.js";
import { blockersText, NEWEST_OPSET, OLDEST_OPSET, upgradeOpset as convert } from "../../ops/upgrade/upgrade-opset.js";
import { definePass } from "../define-pass.js";

/** Scales per channel came with it. */
/** What to do where passes are named one by one; the recipe raises every model that it can. */
export const RAISE_OPSET = 'Where passes are named with --passes, put "upgrade-opset" before this one.';

export const DEFAULT_TARGET = 13;

export interface UpgradeOpsetOptions {
  /** The operator set to reach; a model that has it or a newer one is left as it is. */
  readonly target: number;
}

export const upgradeOpset = definePass<UpgradeOpsetOptions>({
  name: "upgrade-opset",
  description: "Convert the nodes of an old model to operator set 13, which scales per channel need",
  lossy: false,
  defaults: { target: DEFAULT_TARGET },
  validate: ({ target }) => {
    if (!Number.isInteger(target) || target < OLDEST_OPSET || target > NEWEST_OPSET) {
      throw new EdgecError("BAD_OPTION", `upgrade-opset: target must be a whole number from ${OLDEST_OPSET} to ${NEWEST_OPSET}, not ${target}.`);
    }
  },
  run: (model, { target }) => {
    const from = opsetVersion(model);
    const { upgraded, blockers } = convert(model, target);
    const message = `The model stays at operator set ${from}, because it cannot be converted to ${target}: ${blockersText(blockers)}.`;
    return {
      modified: upgraded,
      stats: upgraded ? { from, to: target } : {},
      nodes: [],
      diagnostics: blockers.length > 0 ? [{ id: "upgrade-opset/blocked", severity: "warning", message }] : [],
    };
  },
});
