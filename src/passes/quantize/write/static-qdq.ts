/** Writes the Q/DQ form of planned islands: pairs for activations, codes for weights, absorbed clamps. */
import type { GraphEditor, Node } from "../../../ir/index.js";
import { quantizePair } from "../../../layers/coding.js";
import type { AffineParameters } from "../../../numeric/affine.js";
import type { Islands } from "../setup/islands.js";
import { isModelOutput } from "../setup/model-output.js";
import type { SharedCodes } from "./shared-codes.js";
import { attachCodes, type WeightOptions } from "./weight-codes.js";

/** Rewrites the graph. All tensors of the islands must have parameters. */
export function insertStaticQdq(
  editor: GraphEditor,
  islands: Islands,
  parameters: ReadonlyMap<string, AffineParameters>,
  options: WeightOptions,
  shared: SharedCodes,
): void {
  const readers = islandReaders(editor, islands);
  for (const node of islands.computes)
    attachCodes(editor, node, parameters.get(node.inputs[0]!)!.scale, options, shared);
  for (const clamp of islands.clamps.values()) editor.removeNodes(clamp);
  for (const tensor of islands.tensors) {
    const source = islands.clamps.get(tensor)?.inputs[0] ?? tensor;
    insertPair(editor, {
      source,
      tensor,
      parameters: parameters.get(tensor)!,
      readers: readers.get(tensor)!,
    });
  }
}

/**
 * The readers of each tensor's codes. All readers of an int8 kernel's output read the codes, so that its
 * QuantizeLinear is the only user. The output of a float operator goes through the pair only for int8 kernels.
 */
function islandReaders(editor: GraphEditor, islands: Islands): Map<string, Set<Node> | "all"> {
  const int8 = new Set([...islands.computes, ...islands.members]);
  const readers = new Map<string, Set<Node> | "all">();
  for (const tensor of islands.tensors) {
    const producer = islands.clamps.has(tensor)
      ? editor.producer(islands.clamps.get(tensor)!.inputs[0]!)
      : editor.producer(tensor);
    const madeInInt8 = producer !== undefined && int8.has(producer);
    readers.set(
      tensor,
      madeInInt8 ? "all" : new Set(editor.consumers(tensor).filter((node) => int8.has(node))),
    );
  }
  return readers;
}

interface Pair {
  /** The value to quantize: the tensor, or the input of its absorbed clamp, which keeps its name and meaning. */
  readonly source: string;
  readonly tensor: string;
  readonly parameters: AffineParameters;
  readonly readers: ReadonlySet<Node> | "all";
}

function insertPair(editor: GraphEditor, { source, tensor, parameters, readers }: Pair): void {
  const { quantize, dequantize, dequantized } = quantizePair(editor, source, parameters);
  const users = editor.consumers(tensor);
  const producer = editor.producer(source);
  if (producer) editor.insertAfter(producer, quantize, dequantize);
  else editor.insertBefore(editor.graph.nodes[0], quantize, dequantize);
  const except = new Set(readers === "all" ? [] : users.filter((user) => !readers.has(user)));
  except.add(quantize);
  editor.replaceUses(tensor, dequantized, except);
  // Without a following QuantizeLinear, the kernel that computes a body's output would run in float.
  if (readers === "all" && !isModelOutput(editor, tensor)) editor.renameOutput(tensor, dequantized);
}
