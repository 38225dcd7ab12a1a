/** Gathers all inputs that the outputs of a convolution read, position by position, along the channel axis. */
import {
  attribute,
  DataType,
  floatTensor,
  type GraphEditor,
  int64Tensor,
  intsAttribute,
  makeNode,
  type Node,
  stringAttribute,
} from "../../ir/index.js";
import type { PairsAtRisk } from "../../numeric/pair-saturation.js";
import type { CodedActivation } from "../../layers/coded-operands.js";
import type { Taps } from "./pair-correction.js";

/** ONNX's word for the end of an axis. */
const END = 2 ** 31 - 1;

/** How a convolution walks its input, one number per spatial axis; `pads` begin and end as ONNX has them. */
interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** Undefined if the padding depends on the input's size. */
export function windowOf(node: Node, kernel: readonly number[]): Window | undefined {
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  if (automatic === "NOTSET" || automatic === "VALID") {
    const pads = automatic === "VALID" ? undefined : intsAttribute(node, "pads");
    return { kernel, strides, dilations, pads: pads ?? new Array<number>(2 * kernel.length).fill(0) };
  }
  if (strides.some((stride) => stride !== 1)) return undefined;
  const totals = kernel.map((k, d) => (k - 1) * dilations[d]!);
  const smaller = totals.map((total) => Math.floor(total / 2));
  const larger = totals.map((total) => Math.ceil(total / 2));
  return {
    kernel,
    strides,
    dilations,
    pads: automatic === "SAME_UPPER" ? [...smaller, ...larger] : [...larger, ...smaller],
  };
}

/** @param groups channels per group are those of the weight, [outputs, channels / groups, …kernel] */
export function convolutionTaps(
  editor: GraphEditor,
  activation: CodedActivation,
  window: Window,
  weight: readonly number[],
  groups: number,
  risk: PairsAtRisk,
): { readonly nodes: readonly Node[]; readonly taps: Taps } {
  const [outputs = 1, inner = 1] = weight;
  const positions = [
    ...new Set(risk.firsts.flat().flatMap((k) => [Math.floor(k / inner), Math.floor((k + 1) / inner)])),
  ].sort((a, b) => a - b);
  const nodes: Node[] = [];
  const padded = paddedCodes(editor, activation, window, nodes);
  const parts = positions.map((position) => slicedAt(editor, padded, window, position, nodes));
  const name = parts.length === 1 ? parts[0]! : editor.uniqueName("sat_taps");
  if (parts.length > 1) nodes.push(makeNode("Concat", parts, [name], [attribute.int("axis", 1)]));
  const place = new Map(positions.map((position, at) => [position, at]));
  const indexOf = (channel: number, k: number): number =>
    place.get(Math.floor(k / inner))! * inner * groups +
    Math.floor(channel / (outputs / groups)) * inner +
    (k % inner);
  return { nodes, taps: { name, axis: 1, spatialRank: window.kernel.length, indexOf } };
}

/** Codes as floats; the border holds the zero point's code. */
function paddedCodes(
  editor: GraphEditor,
  { codes, zeroPoint, shift }: CodedActivation,
  { pads, kernel }: Window,
  nodes: Node[],
): string {
  const floats = floatCodes(editor, codes, shift, nodes);
  if (pads.every((pad) => pad === 0)) return floats;
  const rank = kernel.length;
  const amounts = editor.addInitializer(
    int64Tensor(editor.uniqueName("sat_pads"), [0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)]),
  );
  const value = editor.addInitializer(
    floatTensor(editor.uniqueName("sat_zero"), [], Float32Array.of(zeroPoint)),
  );
  const padded = editor.uniqueName("sat_padded");
  nodes.push(makeNode("Pad", [floats, amounts, value], [padded]));
  return padded;
}

/** uint8 codes as floats; int8 codes are shifted to uint8. */
export function floatCodes(editor: GraphEditor, codes: string, shift: number, nodes: Node[]): string {
  const floats = editor.uniqueName("sat_codes");
  nodes.push(makeNode("Cast", [codes], [floats], [attribute.int("to", DataType.FLOAT)]));
  if (shift === 0) return floats;
  const moved = editor.uniqueName("sat_codes");
  nodes.push(
    makeNode(
      "Add",
      [
        floats,
        editor.addInitializer(floatTensor(editor.uniqueName("sat_shift"), [], Float32Array.of(shift))),
      ],
      [moved],
    ),
  );
  return moved;
}

/** The inputs that the kernel's element `position` reads, for every output. */
function slicedAt(
  editor: GraphEditor,
  input: string,
  { kernel, strides, dilations }: Window,
  position: number,
  nodes: Node[],
): string {
  if (kernel.every((k) => k === 1) && strides.every((stride) => stride === 1)) return input;
  const offsets = offsetsOf(position, kernel);
  const ends = offsets.map((offset, d) =>
    offset === kernel[d]! - 1 ? END : -(kernel[d]! - 1 - offset) * dilations[d]!,
  );
  const list = (what: string, values: readonly number[]): string =>
    editor.addInitializer(int64Tensor(editor.uniqueName(`sat_${what}`), values));
  const output = editor.uniqueName("sat_slice");
  nodes.push(
    makeNode(
      "Slice",
      [
        input,
        list(
          "starts",
          offsets.map((offset, d) => offset * dilations[d]!),
        ),
        list("ends", ends),
        list(
          "axes",
          kernel.map((_, d) => d + 2),
        ),
        list("steps", strides),
      ],
      [output],
    ),
  );
  return output;
}

function offsetsOf(position: number, kernel: readonly number[]): number[] {
  const offsets: number[] = [];
  for (let rest = position, d = kernel.length - 1; d >= 0; d--) {
    offsets.unshift(rest % kernel[d]!);
    rest = Math.floor(rest / kernel[d]!);
  }
  return offsets;
}
