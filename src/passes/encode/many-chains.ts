/**
 * Keeps the number of decoding chains within what loading can bear. What onnxruntime takes for a node grows with
 * the number of nodes, so thousands of chains of small constants, of too many shapes to be packed together, load
 * many times slower than the constants themselves. Those that save least stay dense.
 *
 * Milliseconds, measured in onnxruntime 1.32 on models of 100 to 5,000 layers, with a chain for each layer or none:
 * 10 and 40 ms for 100 layers, 110 and 770 for 1,000, 410 to 800 and 10,100 to 11,200 for 5,000.
 */
import { storedByteLength, type GraphEditor } from "../../ir/index.js";
import type { FormOption } from "./form-options.js";
import type { Place } from "./places.js";

/** Of loading the model with dense constants. */
const PER_NODE = 0.04;
const PER_BYTE = 1e-6;
/** Of a chain by itself, and for each node that the model then has. */
const PER_CHAIN = 0.3;
const PER_CHAIN_AND_NODE = 3.5e-5;
/** Most chains have about this many nodes. */
const NODES = 9;

/** Chains may take this much, or as many times what the dense constants take. */
const FREE = 50;
const TIMES = 2;

/** The most chains that loading can bear: c (PER_CHAIN + PER_CHAIN_AND_NODE (nodes + NODES c)) is what they take. */
export function mostChains(nodes: number, bytes: number): number {
  const allowed = Math.max(FREE, TIMES * (PER_NODE * nodes + PER_BYTE * bytes));
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
