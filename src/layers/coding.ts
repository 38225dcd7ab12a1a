/** Reads and writes QuantizeLinear and DequantizeLinear, and the integer codes between them. No other file does. */
import {
  attribute,
  DataType,
  floatTensor,
  type GraphEditor,
  integerTensor,
  intAttribute,
  isOp,
  makeNode,
  type Node,
  type Tensor,
} from "../ir/index.js";
import type { AffineParameters } from "../numeric/affine.js";

/** A DequantizeLinear, with the names of its inputs; an empty name means absent. */
interface Dequantization {
  readonly node: Node;
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
  /** The axis of several scales and zero points; negative counts from the end. */
  readonly axis: number;
}

/** The DequantizeLinear of this graph that produces the value `name`, or undefined. */
export function dequantization(editor: GraphEditor, name: string): Dequantization | undefined {
  const node = editor.producer(name);
  if (!isOp(node, "DequantizeLinear")) return undefined;
  const [codes = "", scale = "", zeroPoint = ""] = node.inputs;
  return { node, codes, scale, zeroPoint, axis: intAttribute(node, "axis", 1) };
}

/** Whether the value is a dequantized activation: one whose codes the graph computes. */
export function isDecodedActivation(editor: GraphEditor, name: string): boolean {
  const found = dequantization(editor, name);
  return found !== undefined && editor.producer(found.codes) !== undefined;
}

/** The only reader of the value, if it is a QuantizeLinear with constant parameters. */
export function soleQuantization(editor: GraphEditor, name: string): Node | undefined {
  const reader = editor.soleConsumer(name);
  return isOp(reader, "QuantizeLinear") ? reader : undefined;
}

/** A quantized value, and the names of its dequantized copies. */
interface QuantizedValue {
  readonly source: string;
  readonly decoded: readonly string[];
}

/** The quantized values of the graph, in node order. */
export function quantizedValues(editor: GraphEditor): QuantizedValue[] {
  return editor.graph.nodes
    .filter((node) => isOp(node, "QuantizeLinear"))
    .map(({ inputs: [source = ""], outputs: [codes = ""] }) => ({
      source,
      decoded: editor
        .consumers(codes)
        .filter((reader) => isOp(reader, "DequantizeLinear"))
        .flatMap(({ outputs }) => outputs),
    }));
}

/** How the codes of an activation are produced, if the graph quantizes a real value. */
export function quantizerOf(
  editor: GraphEditor,
  codes: string,
): { readonly node: Node; readonly isDynamic: boolean } | undefined {
  const node = editor.producer(codes);
  return node && isQuantizer(node) ? { node, isDynamic: isOp(node, "DynamicQuantizeLinear") } : undefined;
}

export function isQuantizer(node: Node): boolean {
  return isOp(node, "QuantizeLinear", "DynamicQuantizeLinear");
}

/** The constant zero point of a QuantizeLinear; undefined if it is absent or computed. */
export function zeroPointOf(editor: GraphEditor, quantize: Node): Tensor | undefined {
  return editor.constant(quantize.inputs[2] ?? "");
}

/** The real value of a dynamically quantized operand. */
export function dynamicSource(editor: GraphEditor, codes: string): string | undefined {
  const found = quantizerOf(editor, codes);
  return found?.isDynamic === true ? (found.node.inputs[0] ?? "") : undefined;
}

/**
 * New nodes that quantize an activation to uint8 and dequantize it; the caller inserts them.
 * @param source the value to quantize
 */
export function quantizePair(
  editor: GraphEditor,
  source: string,
  { scale, zeroPoint }: AffineParameters,
): { readonly quantize: Node; readonly dequantize: Node; readonly dequantized: string } {
  const stem = editor.uniqueName("q");
  const dequantized = editor.uniqueName(`${stem}d`);
  const codes = editor.uniqueName(`${stem}c`);
  const scaleName = editor.addInitializer(
    floatTensor(editor.uniqueName(`${stem}s`), [], Float32Array.of(scale)),
  );
  const zero = editor.addInitializer(
    integerTensor(editor.uniqueName(`${stem}z`), [], DataType.UINT8, Uint8Array.of(zeroPoint)),
  );
  return {
    quantize: makeNode("QuantizeLinear", [source, scaleName, zero], [codes]),
    dequantize: makeNode("DequantizeLinear", [codes, scaleName, zero], [dequantized]),
    dequantized,
  };
}

/** Names of constants in the file: codes, scales and zero points. */
interface StoredCoding {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint?: string;
  /** The axis of the scales; absent for a single scale. */
  readonly axis?: number;
}

/** Inserts a DequantizeLinear of constant codes before a node, with the output `output`. */
export function insertDequantize(
  editor: GraphEditor,
  before: Node,
  { codes, scale, zeroPoint, axis }: StoredCoding,
  output: string,
): void {
  const inputs = [codes, scale, ...(zeroPoint === undefined ? [] : [zeroPoint])];
  const attributes = axis === undefined ? [] : [attribute.int("axis", axis)];
  editor.insertBefore(before, makeNode("DequantizeLinear", inputs, [output], attributes));
}

/** Names of dynamically quantized codes, their scale and their zero point. */
export type DynamicCodes = readonly [codes: string, scale: string, zeroPoint: string];

/** A new node that quantizes a value to uint8 with a range computed at run time. */
export function dynamicQuantizer(input: string, [codes, scale, zeroPoint]: DynamicCodes): Node {
  return makeNode("DynamicQuantizeLinear", [input], [codes, scale, zeroPoint]);
}

/** The codes of `input`, if a node before `node` already computes them. */
export function knownDynamicCodes(editor: GraphEditor, input: string, node: Node): DynamicCodes | undefined {
  const known = editor
    .consumers(input)
    .find((user) => isOp(user, "DynamicQuantizeLinear") && editor.isBefore(user, node));
  return known && [known.outputs[0]!, known.outputs[1]!, known.outputs[2]!];
}
