/** Writes the Q/DQ form of planned islands: activation pairs, weight codes, clamps absorbed. */
import { DataType, floatTensor, type GraphEditor, integerTensor, makeNode, type Node } from "../../ir/index.js";
import type { AffineParameters } from "../../numeric/affine.js";
import type { Islands } from "./islands.js";
import { isModelOutput } from "./model-output.js";
import type { SharedCodes } from "./shared-codes.js";
import { attachCodes, type WeightOptions } from "./weight-codes.js";

/** Rewrites the graph. Every tensor of the islands must have parameters. */
export function insertStaticQdq(
  editor: GraphEditor, islands: Islands, parameters: ReadonlyMap<string, AffineParameters>, options: WeightOptions,
  shared: SharedCodes,
): void {
  const readers = islandReaders(editor, islands);
  for (const node of islands.computes) attachCodes(editor, node, parameters.get(node.inputs[0]!)!.scale, options,
    shared);
  for (const clamp of islands.clamps.values()) editor.removeNodes(clamp);
  for (const tensor of islands.tensors) {
    const source = islands.clamps.get(tensor)?.inputs[0] ?? tensor;
    insertPair(editor, { source, tensor, parameters: parameters.get(tensor)!, readers: readers.get(tensor)! });
  }
}

/**
 * Who reads the codes of each tensor. What an int8 kernel makes is read as codes by all, so that its Q is the only
 * user; a tensor that float operators make goes through the pair only on its way into int8 kernels.
 */
function islandReaders(editor: GraphEditor, islands: Islands): Map<string, Set<Node> | "all"> {
  const int8 = new Set([...islands.computes, ...islands.members]);
  const readers = new Map<string, Set<Node> | "all">();
  for (const tensor of islands.tensors) {
    const producer = islands.clamps.has(tensor) ? editor.producer(islands.clamps.get(tensor)!.inputs[0]!) : editor.producer(tensor);
    const madeInInt8 = producer !== undefined && int8.has(producer);
    readers.set(tensor, madeInInt8 ? "all" : new Set(editor.consumers(tensor).filter((node) => int8.has(node))));
  }
  return readers;
}

interface Pair {
  /** What is quantized: the tensor, or what its absorbed clamp read, which keeps its name and its meaning. */
  readonly source: string;
  readonly tensor: string;
  readonly parameters: AffineParameters;
  readonly readers: ReadonlySet<Node> | "all";
}

function insertPair(editor: GraphEditor, { source, tensor, parameters: { scale, zeroPoint }, readers }: Pair): void {
  const stem = editor.uniqueName("q");
  const dequantized = editor.uniqueName(`${stem}d`);
  const codes = editor.uniqueName(`${stem}c`);
  const scaleName = editor.addInitializer(floatTensor(editor.uniqueName(`${stem}s`), [], Float32Array.of(scale)));
  const zero = editor.addInitializer(integerTensor(editor.uniqueName(`${stem}z`), [], DataType.UINT8, Uint8Array.of(zeroPoint)));
  const users = editor.consumers(tensor);
  const pair = [makeNode("QuantizeLinear", [source, scaleName, zero], [codes]), makeNode("DequantizeLinear", [codes, scaleName, zero], [dequantized])];
  const producer = editor.producer(source);
  if (producer) editor.insertAfter(producer, ...pair);
  else editor.insertBefore(editor.graph.nodes[0], ...pair);
  const except = new Set(readers === "all" ? [] : users.filter((user) => !readers.has(user)));
  except.add(pair[0]!);
  editor.replaceUses(tensor, dequantized, except);
  // Without a Q behind it the kernel that makes a body's output would run in float.
  if (readers === "all" && !isModelOutput(editor, tensor)) editor.renameOutput(tensor, dequantized);
}
