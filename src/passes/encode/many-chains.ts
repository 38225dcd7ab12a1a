/**
 * Keeps the number of decoding chains within what loading can bear. What onnxruntime takes for a node grows with
 * the number of nodes, so thousands of chains of small constants, of too many shapes to be packed together, load
 * many times slower than the constants themselves. Those that save least stay dense.
 *
 * Loading is counted in nodes: what it takes for one node of the model. Ratios differ less between machines than
 * times do. `npm run bench -- chain-loads` prints those of the machine that it runs on.
 */
import { storedByteLength, type GraphEditor } from "../../ir/index.js";
import type { FormOption } from "./form-options.js";
import type { Place } from "./places.js";

/** A byte of a dense constant. */
const PER_BYTE = 1 / 40_000;
/** A chain by itself, and for each node that the model then has. */
const PER_CHAIN = 7.5;
const PER_CHAIN_AND_NODE = 7 / 8_000;
/** Most chains have about this many nodes. */
const NODES = 9;

/** Chains may take as much as so many nodes, or as many times what the model with dense constants takes. */
const FREE = 1_250;
const TIMES = 2;

/** The most chains that loading can bear: c (PER_CHAIN + PER_CHAIN_AND_NODE (nodes + NODES c)) is what they take. */
export function mostChains(nodes: number, bytes: number): number {
  const allowed = Math.max(FREE, TIMES * (nodes + PER_BYTE * bytes));
  const one = PER_CHAIN + PER_CHAIN_AND_NODE * nodes;
  const two = PER_CHAIN_AND_NODE * NODES;
  return Math.floor((Math.sqrt(one ** 2 + 4 * two * allowed) - one) / (2 * two));
}

/** The same for the graphs of a model, before anything is encoded. */
export function bearableChains(editors: readonly GraphEditor[]): number {
  let [nodes, bytes] = [0, 0];
  for (const { graph } of editors) {
    nodes += graph.nodes.length;
    for (const tensor of graph.initializers) bytes += storedByteLength(tensor);
  }
  return mostChains(nodes, bytes);
}

/**
 * The places that stay dense, so that at most `most` chains are left: those that save the fewest bytes. Never a
 * group, nor a constant that the file holds in a compact form already.
 */
export function keptDense(
  places: readonly Place[],
  picks: readonly (FormOption | undefined)[],
  most: number,
): Set<Place> {
  const chains = places.flatMap((place, i) => {
    const pick = picks[i];
    return pick ? [{ place, saved: place.choice.denseBytes - pick.callBytes }] : [];
  });
  const spare = chains.length - most;
  if (spare <= 0) return new Set();
  const mayStay = chains.filter(({ place }) => place.members.length === 1 && !place.wasCompact);
  return new Set(
    mayStay
      .sort((a, b) => a.saved - b.saved)
      .slice(0, spare)
      .map(({ place }) => place),
  );
}
