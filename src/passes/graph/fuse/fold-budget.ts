/**
 * Holds fusions to a budget over the whole model: what they store anew may take no more bytes than what they free.
 *
 *   One convolution for five levels, a BatchNormalization behind each: its weight would be stored five times, so it stays.
 *   The same with equal normalizations: one new weight serves all, and the old one goes.
 *
 * The fusions run, and are taken back where the model has grown by constants that several nodes read. Those that grow
 * most are then left alone, until the rest fits.
 */
import type { Diagnostic } from "../../../diagnostics.js";
import { copyModel, type Model, type Node, nodeLabel, type Tensor } from "../../../ir/index.js";
import type { NodeStatus, PassResult } from "../../contract.js";
import { CopyLedger } from "./constant-copies.js";
import { liveBytes, sharedConstants } from "./shared-constants.js";

/** What a pass does to the model; returns how often it did. */
export type Fold = (model: Model, ledger: CopyLedger) => number;

/** Nodes are named in a diagnostic up to this many. */
const MOST_NAMES = 3;

/** The result of an exact pass, whose count is called `stat`. */
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
    const count = fold(model, ledger);
    const { excess: over, growers } = count === 0 ? NOTHING : grownBy(original, model, ledger);
    if (over <= 0 || growers.length === 0)
      return resultOf(
        stat,
        count,
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
  /** Shared constants that others were made of, with the bytes that came of it, the most first. */
  readonly growers: [Tensor, number][];
}

const NOTHING: Grown = { excess: 0, growers: [] };

function grownBy(before: Model, after: Model, ledger: CopyLedger): Grown {
  const { total, growth } = liveBytes(after, ledger);
  return { excess: total - liveBytes(before, ledger).total, growers: [...growth].sort(([, a], [, b]) => b - a) };
}

interface Left {
  readonly nodes: readonly NodeStatus[];
  readonly diagnostic: Diagnostic;
}

function resultOf(stat: string, count: number, kept: readonly Left[] = []): PassResult {
  return {
    modified: count > 0,
    stats: { [stat]: count },
    nodes: kept.flatMap(({ nodes }) => nodes),
    diagnostics: kept.map(({ diagnostic }) => diagnostic),
  };
}

function left(pass: string, { name = "" }: Tensor, bytes: number, readers: readonly Node[]): Left {
  const added = bytes.toLocaleString("en-US");
  const reason = `shares "${name}" with other nodes; copies of its own would add ${added} bytes to the model`;
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
        `${pass} leaves what stands next to ${labels} as it is: ${readers.length === 1 ? "it shares" : "they share"} ` +
        `"${name}", and copies of it would add ${added} bytes to the model`,
    },
  };
}

/** Puts the graph back as it was; the model and its graph stay the same objects. */
function restore(model: Model, original: Model): void {
  const { graph, descent, ...rest } = copyModel(original);
  Object.assign(model, rest);
  Object.assign(model.graph, graph);
  if (descent) model.descent = descent;
  else delete model.descent;
}
