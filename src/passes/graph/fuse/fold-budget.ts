/**
 * Holds fusions to a budget over the whole model: new constants may take no more bytes than fusion frees.
 *
 *   One convolution for five levels, a BatchNormalization after each: its weight would be stored five
 *   times, so it stays. The same with equal normalizations: one new weight serves all, and the old one
 *   is removed.
 *
 * The fusions run and are undone if copies of shared constants have made the model larger. The constants that
 * grew most are then left alone, until the rest fits.
 */
import type { Diagnostic } from "../../../diagnostics.js";
import { copyModel, type Model, type Node, nodeLabel, type Tensor } from "../../../ir/index.js";
import type { NearMiss, NodeStatus, PassResult } from "../../contract.js";
import { CopyLedger } from "./constant-copies.js";
import { liveBytes, sharedConstants } from "./shared-constants.js";

/** What a pass does to the model: the number of fusions, and near misses. */
type Fold = (model: Model, ledger: CopyLedger) => Folded;

interface Folded {
  readonly count: number;
  readonly nearMisses?: readonly NearMiss[];
}

/** Most nodes that a diagnostic names. */
const MOST_NAMES = 3;

/** The result of an exact pass; `stat` is the name of its count. */
export function foldWithinBudget(
  model: Model,
  { pass, stat }: { readonly pass: string; readonly stat: string },
  fold: Fold,
): PassResult {
  const shared = sharedConstants(model);
  if (shared.size === 0) return resultOf(stat, fold(model, new CopyLedger()));
  const original = copyModel(model);
  const fixed = new Map<Tensor, number>();
  for (;;) {
    const ledger = new CopyLedger(shared, fixed);
    const folded = fold(model, ledger);
    const { count } = folded;
    const { excess: over, growers } = count === 0 ? NOTHING : grownBy(original, model, ledger);
    if (over <= 0 || growers.length === 0)
      return resultOf(
        stat,
        folded,
        [...fixed].map(([tensor, bytes]) => left(pass, tensor, bytes, shared.get(tensor) ?? [])),
      );
    restore(model, original);
    for (let excess = over; excess > 0 && growers.length > 0;) {
      const [tensor, bytes] = growers.shift()!;
      fixed.set(tensor, bytes);
      excess -= bytes;
    }
  }
}

interface Grown {
  /** Bytes that the model takes more than before. */
  readonly excess: number;
  /** Shared constants with the bytes that copies of them added, the largest first. */
  readonly growers: [Tensor, number][];
}

const NOTHING: Grown = { excess: 0, growers: [] };

function grownBy(before: Model, after: Model, ledger: CopyLedger): Grown {
  const { total, growth } = liveBytes(after, ledger);
  return {
    excess: total - liveBytes(before, ledger).total,
    growers: [...growth].sort(([, a], [, b]) => b - a),
  };
}

interface Left {
  readonly nodes: readonly NodeStatus[];
  readonly diagnostic: Diagnostic;
}

function resultOf(stat: string, { count, nearMisses = [] }: Folded, kept: readonly Left[] = []): PassResult {
  return {
    modified: count > 0,
    stats: { [stat]: count },
    nodes: kept.flatMap(({ nodes }) => nodes),
    diagnostics: kept.map(({ diagnostic }) => diagnostic),
    ...(nearMisses.length > 0 ? { nearMisses } : {}),
  };
}

function left(pass: string, { name = "" }: Tensor, bytes: number, readers: readonly Node[]): Left {
  const added = bytes.toLocaleString("en-US");
  const reason = `shares "${name}" with other nodes; a copy of its own would add ${added} bytes to the model`;
  const labels =
    readers
      .slice(0, MOST_NAMES)
      .map((node) => `"${nodeLabel(node)}"`)
      .join(", ") + (readers.length > MOST_NAMES ? ", …" : "");
  return {
    nodes: readers.map((node) => ({ name: nodeLabel(node), opType: node.opType, status: "kept", reason })),
    diagnostic: {
      id: `${pass}/shared-constant`,
      severity: "info",
      subject: readers[0] ? nodeLabel(readers[0]) : name,
      message:
        `${pass} did not change ${labels}, because ` +
        `${readers.length === 1 ? "it shares" : "they share"} ` +
        `"${name}", and copies of it would add ${added} bytes to the model`,
    },
  };
}

/** Restores the graph; the model and its graph stay the same objects. */
function restore(model: Model, original: Model): void {
  const { graph, provenance, removed, ...rest } = copyModel(original);
  Object.assign(model, rest);
  Object.assign(model.graph, graph);
  if (provenance) model.provenance = provenance;
  else delete model.provenance;
  if (removed) model.removed = removed;
  else delete model.removed;
}
