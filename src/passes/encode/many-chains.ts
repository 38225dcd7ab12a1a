/**
 * Keeps the number of decoding chains within what loading can bear. What onnxruntime takes for a node grows with
 * the number of nodes, so thousands of chains of small constants, of too many shapes to be packed together, load
 * many times slower than the constants themselves. Those that save least stay dense.
 *
 * Milliseconds, measured in onnxruntime 1.32 on models of 100 to 5,000 dense layers, with a chain for each layer
 * or none: 10 and 40 ms for 100 layers, 110 and 770 for 1,000, 800 and 11,200 for 5,000.
 */
import { storedByteLength, type GraphEditor } from "../../ir/index.js";
import type { FormOption } from "./form-options.js";
import type { Place } from "./places.js";

/** Of loading the model with dense constants. */
const PER_NODE = 0.05;
const PER_NODE_SQUARED = 3e-6;
const PER_BYTE = 1e-6;
/** Beyond that, of chains. */
const PER_CHAIN = 0.3;
const PER_CHAIN_SQUARED = 0.36e-3;

/** Chains may take this much, or as many times what the dense constants take. */
const FREE = 50;
const TIMES = 2;

/** The most chains that loading can bear. */
export function mostChains(nodes: number, bytes: number): number {
  const dense = PER_NODE * nodes + PER_NODE_SQUARED * nodes ** 2 + PER_BYTE * bytes;
  const left = Math.max(FREE, TIMES * dense);
  const root = Math.sqrt(PER_CHAIN ** 2 + 4 * PER_CHAIN_SQUARED * left);
  return Math.floor((root - PER_CHAIN) / (2 * PER_CHAIN_SQUARED));
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
