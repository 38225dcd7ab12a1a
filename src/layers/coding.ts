/**
 * Values as integer codes between QuantizeLinear and DequantizeLinear: the one place that reads these nodes
 * and writes them.
 */
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
} from "../ir/index.js";
import type { AffineParameters } from "../numeric/affine.js";

/** A DequantizeLinear, with the names of what it reads; an empty name is left out. */
export interface Dequantization {
  readonly node: Node;
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
  /** Along which scales and zero points lie, where there is more than one; counted from the end if negative. */
  readonly axis: number;
}

/** What makes the value `name` of codes; undefined when no DequantizeLinear of this graph does. */
export function dequantization(editor: GraphEditor, name: string): Dequantization | undefined {
  const node = editor.producer(name);
  if (!isOp(node, "DequantizeLinear")) return undefined;
  const [codes = "", scale = "", zeroPoint = ""] = node.inputs;
  return { node, codes, scale, zeroPoint, axis: intAttribute(node, "axis", 1) };
}

/** Whether the value is one of codes made real again that the graph computes: of an activation. */
export function isDecodedActivation(editor: GraphEditor, name: string): boolean {
  const found = dequantization(editor, name);
  return found !== undefined && editor.producer(found.codes) !== undefined;
}

/** The node that alone reads the value, when it makes codes of it by constant parameters. */
export function soleQuantization(editor: GraphEditor, name: string): Node | undefined {
  const reader = editor.soleConsumer(name);
  return isOp(reader, "QuantizeLinear") ? reader : undefined;
}

/** A value that becomes codes, and the names under which it is read behind them. */
export interface QuantizedValue {
  readonly source: string;
  readonly decoded: readonly string[];
}

/** The values of the graph that become codes, in node order. */
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

/** How the codes of an activation come about, when the graph makes them of a real value. */
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

/** The real value behind an operand of an operator on codes whose range is taken at run time. */
export function dynamicSource(editor: GraphEditor, codes: string): string | undefined {
  const found = quantizerOf(editor, codes);
  return found?.isDynamic === true ? (found.node.inputs[0] ?? "") : undefined;
}

/**
 * New nodes that take an activation to uint8 codes and back; the caller puts them into the graph.
 * @param source what is quantized
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

/** Names of constants in the file: codes and what they mean. */
export interface StoredCoding {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint?: string;
  /** Along which scales lie; absent when there is one for all codes. */
  readonly axis?: number;
}

/** Puts a DequantizeLinear over constant codes before a node; `output` is what it makes. */
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

/** Names of codes whose range is taken at run time, of their scale and of their zero point. */
export type DynamicCodes = readonly [codes: string, scale: string, zeroPoint: string];

/** A new node that takes a value to uint8 codes whose range is taken at run time. */
export function dynamicQuantizer(input: string, [codes, scale, zeroPoint]: DynamicCodes): Node {
  return makeNode("DynamicQuantizeLinear", [input], [codes, scale, zeroPoint]);
}

/** The codes of `input`, where a node before `node` makes them already. */
export function knownDynamicCodes(editor: GraphEditor, input: string, node: Node): DynamicCodes | undefined {
  const known = editor
    .consumers(input)
    .find((user) => isOp(user, "DynamicQuantizeLinear") && editor.isBefore(user, node));
  return known && [known.outputs[0]!, known.outputs[1]!, known.outputs[2]!];
}
