/** Estimates the memory that onnxruntime takes to load a model, from the forms of its constants. */
import { copyModel, GraphEditor, storedByteLength, type Model } from "../../ir/index.js";
import { constantChains } from "./constant-chains.js";
import { dropStages } from "./drop-stages.js";

/** Factor for constants that are not decoded: they are copied, and repacked for kernels. Measured 1.52 to 1.7. */
export const PER_DENSE_BYTE = 1.6;
/** Factor for decoding, because of the allocator. Measured 0.95 to 1.15. */
const PER_DECODED_BYTE = 1.1;
/** The largest stage against the mean. */
const UNEVEN = 1.2;

/** Bytes at the peak, beyond the runtime's own. */
export function loadBytes(model: Model): number {
  const copy = copyModel(model);
  const stages = dropStages(copy) + 1;
  let [dense, decoded, held] = [0, 0, 0];
  for (const editor of GraphEditor.forModel(copy)) {
    const packed = new Set<string>();
    for (const { nodes, cost } of constantChains(copy, editor)) {
      decoded += cost.made.at(-1) ?? 0;
      held += cost.held;
      for (const { inputs } of nodes) for (const name of inputs) packed.add(name);
    }
    for (const tensor of editor.graph.initializers) {
      const bytes = storedByteLength(tensor);
      if (packed.has(tensor.name ?? "")) decoded += bytes;
      else dense += bytes;
    }
  }
  const largest = stages === 1 ? held : Math.min(held, (UNEVEN * held) / stages);
  return PER_DENSE_BYTE * dense + PER_DECODED_BYTE * (decoded + largest);
}
