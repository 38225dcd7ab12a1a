/** Estimates the memory that onnxruntime takes to load a model, from the forms of its constants. */
import {
  byteSize,
  copyModel,
  GraphEditor,
  storedByteLength,
  type Model,
  type Tensor,
} from "../../ir/index.js";
import { constantChains } from "./constant-chains.js";
import { dropStages } from "./drop-stages.js";

/** Factors for constants that are not decoded. */
const DENSE = {
  /** In an external file, which is mapped into memory. Measured 1.02 to 1.08. */
  external: 1.05,
  /** In the model's file: they are copied, and repacked for kernels. Measured 1.2 to 1.7. */
  inline: 1.5,
  /** The same with elements of a byte, which kernels repack in wider blocks. Measured 1.8 to 2.0. */
  inlineBytes: 1.8,
};
/** Factor for decoding. Measured 0.9 to 1.05. */
const PER_DECODED_BYTE = 1;
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
      else dense += perDenseByte(tensor) * bytes;
    }
  }
  const largest = stages === 1 ? held : Math.min(held, (UNEVEN * held) / stages);
  return dense + PER_DECODED_BYTE * (decoded + largest);
}

function perDenseByte({ external, dataType }: Tensor): number {
  if (external) return DENSE.external;
  return byteSize(dataType, 1) === 1 ? DENSE.inlineBytes : DENSE.inline;
}
