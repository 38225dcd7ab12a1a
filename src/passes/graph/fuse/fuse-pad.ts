/**
 * Folds the padding of a Pad into the convolution or pooling after it, which can pad by itself.
 *
 * Before: x → Pad(0, [0,0,1,1,0,0,1,1]) → Conv. After: x → Conv(pads [1,1,1,1]). Outputs stay the same, to the
 * bit except for kernels that sum in another order at borders.
 *
 * Handles a Pad by a constant along spatial axes, with sizes that are not negative, if nothing else uses its
 * output and the next operator has explicit pads. Conv needs zeros. AveragePool needs zeros and counts them
 * afterwards, so it must not have pads that it does not count, nor ceil_mode. MaxPool ignores padding, so it
 * needs minus infinity, or zeros if x cannot be negative (after Relu, Sigmoid or a Clip from 0), and no
 * dilations. Poolings need pads smaller than the kernel. Left alone: other modes (reflect, edge, wrap), and
 * ConvTranspose, whose pads crop the output.
 */
import {
  attribute,
  DataType,
  elementCount,
  floatAttribute,
  getAttribute,
  type GraphEditor,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  setAttribute,
  stringAttribute,
  toNumbers,
} from "../../../ir/index.js";
import { normalAxis } from "../../../ops/weights.js";
import {
  fit,
  type Match,
  nearMisfit,
  node,
  nodeThat,
  type Outcome,
  rule,
  type Scope,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { fuseAll, type Fusion, fusionResult, type Place } from "./fusion.js";

interface Border {
  /** Begins of all spatial axes, then ends. */
  readonly pads: readonly number[];
  readonly value: number;
}

/** An operator that pads by itself, with its new padding. */
interface Padded {
  readonly node: Node;
  readonly pads: readonly number[];
}

const x = value("x");
const pad = node("Pad", [x]);
const padded = nodeThat(["Conv", "AveragePool", "MaxPool"], [pad], (next, found, scope) =>
  paddedBy(found.of(pad), next, scope),
);

const BORDER: Fusion = { rule: rule({ pattern: padded, anchor: pad }), write };

export const fusePad = definePass<Record<string, never>>({
  name: "fuse-pad",
  description: "Fold explicit padding into the convolution or pooling after it",
  lossy: false,
  defaults: {},
  // From the start: the second of two consecutive Pads is folded in the next run.
  run: (model) => fusionResult("bordersFused", fuseAll(model, [BORDER])),
});

function write({ found }: Match, { rewrite }: Place): undefined {
  const { node: next, pads } = found.of(padded);
  setAttribute(next, attribute.ints("pads", pads));
  if (getAttribute(next, "auto_pad")) setAttribute(next, attribute.string("auto_pad", "NOTSET"));
  if (isOp(next, "AveragePool")) setAttribute(next, attribute.int("count_include_pad", 1));
  rewrite.setInput(next, 0, found.of(x));
}

/** The operator with the Pad's padding added to its own, or the reason why it cannot have both. */
function paddedBy(step: Node, next: Node, { editor, facts }: Scope): Outcome<Padded> {
  const input = step.inputs[0] ?? "";
  if (facts.type(input)?.elementType !== DataType.FLOAT)
    return nearMisfit(`"${input}" is not known to be float32`);
  const rank = isOp(next, "Conv")
    ? editor.constant(next.inputs[1] ?? "")?.dims.length
    : (intsAttribute(next, "kernel_shape")?.length ?? NaN) + 2;
  const border = rank === undefined || !Number.isInteger(rank) ? undefined : borderOf(step, rank, editor);
  if (!border)
    return nearMisfit(
      "its padding is not constant, is negative, covers the batch or channel axis, or has a value that does not fit",
    );
  const own = explicitPads(next, border.pads.length);
  if (!own) return nearMisfit(`${next.opType} computes its padding from the input's size (auto_pad)`);
  if (!takes(next, border, own, editor.producer(input), editor))
    return nearMisfit(`${next.opType} cannot pad with ${border.value}`);
  const pads = own.map((size, k) => size + (border.pads[k] ?? 0));
  return isOp(next, "Conv") || smallerThanKernel(next, pads)
    ? fit({ node: next, pads })
    : nearMisfit("the padding would be as large as the kernel, which onnxruntime rejects for poolings");
}

/** The padding that the Pad adds, if it is known, only along spatial axes and nowhere negative. */
function borderOf(pad: Node, rank: number, editor: GraphEditor): Border | undefined {
  if (stringAttribute(pad, "mode", "constant") !== "constant") return undefined;
  const listed =
    intsAttribute(pad, "pads") ??
    intsAttribute(pad, "paddings") ??
    numbersOf(pad.inputs[1], editor, 2 * rank);
  const axes =
    (pad.inputs[3] ?? "") === ""
      ? Array.from({ length: rank }, (_, k) => k)
      : numbersOf(pad.inputs[3], editor, rank)?.map((axis) => normalAxis(axis, rank));
  const value =
    (pad.inputs[2] ?? "") === "" ? [floatAttribute(pad, "value", 0)] : numbersOf(pad.inputs[2], editor, 1);
  if (
    !listed ||
    !axes ||
    value?.length !== 1 ||
    listed.length !== 2 * axes.length ||
    listed.some((size) => size < 0)
  )
    return undefined;
  const pads = new Array<number>(2 * rank).fill(0);
  for (const [k, axis] of axes.entries())
    [pads[axis], pads[axis + rank]] = [listed[k]!, listed[k + axes.length]!];
  if ([0, 1, rank, rank + 1].some((k) => pads[k] !== 0)) return undefined;
  return { pads: [...pads.slice(2, rank), ...pads.slice(rank + 2)], value: value[0]! };
}

function numbersOf(name: string | undefined, editor: GraphEditor, most: number): number[] | undefined {
  const tensor = editor.constant(name ?? "");
  return tensor && elementCount(tensor) <= most ? toNumbers(tensor) : undefined;
}

/** The operator's own padding, unless it depends on the size of its input. */
function explicitPads(node: Node, length: number): number[] | undefined {
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  if (automatic === "VALID") return new Array<number>(length).fill(0);
  const pads = intsAttribute(node, "pads") ?? new Array<number>(length).fill(0);
  return (automatic === "NOTSET" || automatic === "") && pads.length === length ? pads : undefined;
}

function takes(
  node: Node,
  { value }: Border,
  own: readonly number[],
  maker: Node | undefined,
  editor: GraphEditor,
): boolean {
  if (isOp(node, "Conv")) return value === 0;
  if (isOp(node, "AveragePool")) {
    const counts = own.every((size) => size === 0) || intAttribute(node, "count_include_pad", 0) !== 0;
    return value === 0 && counts && intAttribute(node, "ceil_mode", 0) === 0 && isUndilated(node);
  }
  const ignored = value === -Infinity || (value === 0 && isNeverNegative(maker, editor));
  // Indices count elements of the padded input, and a window entirely in the padding has no largest element.
  return (
    ignored &&
    isUndilated(node) &&
    intAttribute(node, "ceil_mode", 0) === 0 &&
    node.outputs.slice(1).every((name) => name === "")
  );
}

function isUndilated(node: Node): boolean {
  return (intsAttribute(node, "dilations") ?? []).every((dilation) => dilation === 1);
}

function isNeverNegative(maker: Node | undefined, editor: GraphEditor): boolean {
  if (!maker) return false;
  if (isOp(maker, "Relu", "Sigmoid", "HardSigmoid")) return true;
  if (!isOp(maker, "Clip")) return false;
  const low =
    (maker.inputs[1] ?? "") === ""
      ? [floatAttribute(maker, "min", -Infinity)]
      : numbersOf(maker.inputs[1], editor, 1);
  return (low?.[0] ?? -Infinity) >= 0;
}

/** onnxruntime rejects poolings whose padding is as large as the kernel. */
function smallerThanKernel(node: Node, pads: readonly number[]): boolean {
  const kernel = intsAttribute(node, "kernel_shape") ?? [];
  return pads.every((size, k) => size < (kernel[k % kernel.length] ?? 0));
}
