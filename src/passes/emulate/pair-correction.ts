/**
 * Builds nodes that compute the change that 16-bit saturation makes to a layer's sums:
 *
 *   codes (float) ─▶ Gather both taps of each pair at risk ─▶ s = w₀·x₀ + w₁·x₁ ─▶ clip(s) − s ─▶ sum over
 *   the pairs of an output
 *
 * Pairs are laid out as [rank, channel]: rank r holds the r-th pair at risk of each channel, or zero weights if
 * the channel has fewer. The sum is then over the ranks, without a matrix of outputs by pairs.
 */
import {
  attribute,
  floatTensor,
  type GraphEditor,
  int64Tensor,
  makeNode,
  type Node,
} from "../../ir/index.js";
import type { RowOrder } from "../../numeric/affine.js";
import { INT16_MAX, INT16_MIN, type PairsAtRisk, positionOf } from "../../numeric/pair-saturation.js";

/** Ranks per Gather; limits memory to this many copies of the output. */
const RANKS_AT_ONCE = 8;
/** First operator set in which ReduceSum takes its axes as an input. */
const AXES_INPUT_OPSET = 13;

interface PairedLayer {
  readonly codes: Int8Array;
  readonly order: RowOrder;
  readonly risk: PairsAtRisk;
  /** Real value of one unit of a channel's sum. */
  readonly units: Float32Array;
}

/** Codes as floats, with all inputs of an output along one axis. */
export interface Taps {
  readonly name: string;
  /** 1 for convolutions, whose sizes follow it; −1 for matrices. */
  readonly axis: 1 | -1;
  readonly spatialRank: number;
  /** The position along the axis of value k of a channel's row. */
  readonly indexOf: (channel: number, k: number) => number;
}

interface Correction {
  readonly nodes: readonly Node[];
  readonly output: string;
}

/** The correction in real units, in the shape of the layer's output. */
export function pairCorrection(
  editor: GraphEditor,
  layer: PairedLayer,
  taps: Taps,
  opset: number,
): Correction {
  const ranks = layer.risk.firsts.reduce((most, { length }) => Math.max(most, length), 0);
  const nodes: Node[] = [];
  const parts: string[] = [];
  for (let from = 0; from < ranks; from += RANKS_AT_ONCE) {
    const part = saturationOf(
      editor,
      layer,
      taps,
      { from, count: Math.min(RANKS_AT_ONCE, ranks - from) },
      opset,
    );
    nodes.push(...part.nodes);
    parts.push(part.output);
  }
  const sum = parts.length === 1 ? parts[0]! : editor.uniqueName("sat_sum");
  if (parts.length > 1) nodes.push(makeNode("Sum", parts, [sum]));
  const output = editor.uniqueName("sat");
  const units = editor.addInitializer(
    floatTensor(editor.uniqueName("sat_unit"), shapeOf([layer.order.channels], taps), layer.units),
  );
  nodes.push(makeNode("Mul", [sum, units], [output]));
  return { nodes, output };
}

function saturationOf(
  editor: GraphEditor,
  layer: PairedLayer,
  taps: Taps,
  ranks: { readonly from: number; readonly count: number },
  opset: number,
): Correction {
  const name = (suffix: string): string => editor.uniqueName(`sat_${suffix}`);
  const nodes: Node[] = [];
  const [low, high] = [INT16_MIN, INT16_MAX].map((bound) =>
    editor.addInitializer(floatTensor(name("bound"), [], Float32Array.of(bound))),
  );
  const products = [0, 1].map((side) => {
    const { indices, weights } = tapsOf(layer, taps, ranks, side);
    const shape = [ranks.count, layer.order.channels];
    const index = editor.addInitializer(int64Tensor(name("index"), indices, shape));
    const weight = editor.addInitializer(floatTensor(name("weight"), shapeOf(shape, taps), weights));
    const [values, product] = [name("tap"), name("product")];
    nodes.push(
      makeNode("Gather", [taps.name, index], [values], [attribute.int("axis", taps.axis)]),
      makeNode("Mul", [values, weight], [product]),
    );
    return product;
  });
  const [sum, clipped, excess, output] = [name("pair"), name("clip"), name("excess"), name("part")];
  nodes.push(
    makeNode("Add", products, [sum]),
    makeNode("Clip", [sum, low!, high!], [clipped]),
    makeNode("Sub", [clipped, sum], [excess]),
  );
  const axis = taps.axis === 1 ? 1 : -2;
  const keep = attribute.int("keepdims", 0);
  nodes.push(
    opset < AXES_INPUT_OPSET
      ? makeNode("ReduceSum", [excess], [output], [attribute.ints("axes", [axis]), keep])
      : makeNode(
          "ReduceSum",
          [excess, editor.addInitializer(int64Tensor(name("axes"), [axis]))],
          [output],
          [keep],
        ),
  );
  return { nodes, output };
}

function tapsOf(
  { codes, order, risk }: PairedLayer,
  taps: Taps,
  { from, count }: { readonly from: number; readonly count: number },
  side: number,
): { indices: number[]; weights: Float32Array } {
  const indices: number[] = [];
  const weights = new Float32Array(count * order.channels);
  for (let rank = 0; rank < count; rank++) {
    for (let channel = 0; channel < order.channels; channel++) {
      const first = risk.firsts[channel]![from + rank];
      indices.push(first === undefined ? 0 : taps.indexOf(channel, first + side));
      if (first !== undefined)
        weights[rank * order.channels + channel] = codes[positionOf(order, channel, first + side)]!;
    }
  }
  return { indices, weights };
}

/** The shape with 1 for each size after the axis. */
function shapeOf(shape: readonly number[], { spatialRank }: Taps): number[] {
  return [...shape, ...new Array<number>(spatialRank).fill(1)];
}
