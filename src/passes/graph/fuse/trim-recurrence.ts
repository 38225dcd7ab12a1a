/**
 * Limits a recurrent layer to the steps that matter if only a single step of its outputs is read. `output[:,
 * -1]` after a bidirectional layer takes the last state of the forward direction, but only the first step of
 * the backward one. All other steps are computed for nothing.
 *
 *   GRU(both ways) → Transpose → Reshape → Gather(−1)   →   GRU(forward) ─┐
 *                                                 x[−1]  →   GRU(one step) ┴▶ Concat → Gather(0)
 *
 * A layer of one direction outputs its last state instead of all states. Handles LSTM, GRU and RNN whose other
 * outputs are unused, without sequence_lens and with time as the first axis, if only operators that move axes
 * lie before the Gather; its index must be the first or the last. Layers of two directions need default
 * activations, and constant weights that nothing else uses, which are then split. Outputs stay the same except
 * for the order of sums. Needs operator set 11.
 *
 * Not written in the pattern language: between the layer and the step that is read lies a chain of any length,
 * and the meaning of each link depends on what earlier ones did to the axes.
 */
import {
  attribute,
  getAttribute,
  type GraphEditor,
  int64Tensor,
  intAttribute,
  intsAttribute,
  isOp,
  makeNode,
  type Model,
  type Node,
  nodeLabel,
  opsetVersion,
  setAttribute,
  stringAttribute,
  type Tensor,
  tensorBytes,
} from "../../../ir/index.js";
import type { GraphFacts } from "../../../ops/shape-analysis.js";
import { normalAxis } from "../../../ops/weights.js";
import { definePass } from "../../define-pass.js";
import { constantList, NEGATIVE_GATHER_OPSET, squeezedAxes } from "../slice-bounds.js";
import type { CopyLedger } from "./constant-copies.js";
import { foldWithinBudget } from "./fold-budget.js";
import { rewriteGraphs, type Rewrite } from "./rewrite.js";

/** Longest chain to follow; real ones are shorter. */
const MAX_MOVES = 8;

type Direction = "forward" | "reverse";
/** The first or the last step. */
type End = "first" | "last";
/** The meaning of an axis of a recurrent layer's output. */
type Part = "time" | "direction" | "batch" | "features";

/** The only step of the outputs that is read. */
interface Read {
  readonly end: End;
  readonly gather: Node;
}

const NAME = "trim-recurrence";

export const trimRecurrence = definePass<Record<string, never>>({
  name: NAME,
  description: "Compute only the steps of a recurrent layer that the output depends on",
  lossy: false,
  defaults: {},
  run(model) {
    return foldWithinBudget(model, { pass: NAME, stat: "layersTrimmed" }, (target, ledger) => ({
      count: trimAll(target, ledger),
    }));
  },
});

function trimAll(model: Model, ledger: CopyLedger): number {
  if (opsetVersion(model) < NEGATIVE_GATHER_OPSET) return 0;
  return rewriteGraphs(
    model,
    (rewrite, facts) => (node) => isOp(node, "LSTM", "GRU", "RNN") && trim(node, rewrite, facts),
    { ledger },
  );
}

function trim(node: Node, rewrite: Rewrite, facts: GraphFacts): boolean {
  const { editor } = rewrite;
  if (node.inputs[4] || intAttribute(node, "layout", 0) !== 0 || usesStates(node, editor)) return false;
  const directions = directionsOf(node);
  const read = directions && findRead(node, directions.length, editor, facts);
  if (!read) return false;
  const parts = directions.length === 1 ? [node] : split(node, rewrite);
  if (!parts) return false;
  const layers = directions.map((direction, k) => layerOf(parts[k]!, direction, read.end, rewrite));
  const states = layers.map(({ at }) => at);
  for (const { layer } of layers) editor.recordProvenance(nodeLabel(node), nodeLabel(layer));
  const joined =
    states.length === 1
      ? []
      : [makeNode("Concat", states, [editor.uniqueName(`${states[0]!}_both`)], [attribute.int("axis", 2)])];
  const index = editor.addInitializer(int64Tensor(editor.uniqueName("only_direction"), [0], []));
  editor.insertBefore(read.gather, ...layers.flatMap(({ step, layer }) => [...step, layer]), ...joined);
  rewrite.replace(
    read.gather,
    makeNode(
      "Gather",
      [joined[0]?.outputs[0] ?? states[0]!, index],
      [],
      [attribute.int("axis", 0)],
      read.gather.name,
    ),
  );
  rewrite.retire(node);
  return true;
}

function directionsOf(node: Node): readonly Direction[] | undefined {
  const direction = stringAttribute(node, "direction", "forward");
  if (direction === "bidirectional") return ["forward", "reverse"];
  return direction === "forward" || direction === "reverse" ? [direction] : undefined;
}

/** Whether anything uses the final states, which the layer outputs in addition. */
function usesStates(node: Node, editor: GraphEditor): boolean {
  return node.outputs
    .slice(1)
    .some((name) => name !== "" && (editor.consumers(name).length > 0 || editor.isOutput(name)));
}

/** The Gather of one step at the end of a chain that only moves axes, leaving batch and features in that order. */
function findRead(node: Node, directions: number, editor: GraphEditor, facts: GraphFacts): Read | undefined {
  let axes: Part[][] | undefined = [["time"], ["direction"], ["batch"], ["features"]];
  let name = node.outputs[0] ?? "";
  for (let moves = 0; axes && moves < MAX_MOVES; moves++) {
    const next = editor.soleConsumer(name);
    if (next?.inputs[0] !== name) return undefined;
    if (isOp(next, "Gather")) return readOf(next, axes, directions, editor, facts);
    axes = moved(next, axes, directions, editor, facts);
    name = next.outputs[0] ?? "";
  }
  return undefined;
}

function readOf(
  gather: Node,
  axes: readonly Part[][],
  directions: number,
  editor: GraphEditor,
  facts: GraphFacts,
): Read | undefined {
  const axis = normalAxis(intAttribute(gather, "axis", 0), axes.length);
  const left = axes
    .filter((_, k) => k !== axis)
    .map((parts) => parts.filter((part) => part !== "direction" || directions > 1).join());
  if (
    axes[axis]?.join() !== "time" ||
    left.join("|") !== (directions > 1 ? "batch|direction,features" : "batch|features")
  )
    return undefined;
  const tensor = editor.constant(gather.inputs[1] ?? "");
  const index = tensor?.dims.length === 0 ? constantList(gather.inputs[1], editor)?.[0] : undefined;
  const length = facts.shape(gather.inputs[0] ?? "")?.[axis];
  if (index === -1 || (index !== undefined && index + 1 === length)) return { end: "last", gather };
  return index === 0 || (index !== undefined && -index === length) ? { end: "first", gather } : undefined;
}

/** The meaning of each axis after a node; undefined if the node does more than move axes. */
function moved(
  node: Node,
  axes: readonly Part[][],
  directions: number,
  editor: GraphEditor,
  facts: GraphFacts,
): Part[][] | undefined {
  if (isOp(node, "Transpose")) {
    const perm = intsAttribute(node, "perm");
    return perm?.length === axes.length ? perm.map((from) => axes[from] ?? []) : undefined;
  }
  if (isOp(node, "Squeeze")) {
    const dropped = squeezedAxes(node, editor)?.map((axis) => normalAxis(axis, axes.length));
    return directions === 1 && dropped?.length === 1 && axes[dropped[0]!]?.join() === "direction"
      ? axes.filter((_, k) => k !== dropped[0])
      : undefined;
  }
  return isOp(node, "Reshape") && joinsFeatures(node, axes, editor, facts)
    ? [axes[0]!, axes[1]!, ["direction", "features"]]
    : undefined;
}

/** Whether the Reshape merges directions and features and keeps the two axes before them. */
function joinsFeatures(node: Node, axes: readonly Part[][], editor: GraphEditor, facts: GraphFacts): boolean {
  const target = constantList(node.inputs[1], editor);
  if (
    axes.length !== 4 ||
    axes[2]?.join() !== "direction" ||
    axes[3]?.join() !== "features" ||
    target?.length !== 3
  )
    return false;
  if (target.includes(0) && intAttribute(node, "allowzero", 0) !== 0) return false;
  const shape = facts.shape(node.inputs[0] ?? "");
  const [directions, features] = [shape?.[2], shape?.[3]];
  const stays = (axis: number): boolean => target[axis] === 0 || target[axis] === shape?.[axis];
  const joins =
    typeof directions === "number" && typeof features === "number" && target[2] === directions * features;
  // One size may be open (-1); it follows from the others.
  const open = target.filter((size) => size === -1).length;
  return (
    open <= 1 && [0, 1].every((axis) => stays(axis) || target[axis] === -1) && (joins || target[2] === -1)
  );
}

/** A separate layer for each direction. */
function split(node: Node, rewrite: Rewrite): Node[] | undefined {
  const { editor } = rewrite;
  if (["activations", "activation_alpha", "activation_beta"].some((name) => getAttribute(node, name)))
    return undefined;
  const given = node.inputs.map((name) => (name === "" ? undefined : editor.constant(name)));
  const isOwn = (name: string, k: number): boolean =>
    k === 0 ||
    name === "" ||
    (given[k]?.dims[0] === 2 &&
      !rewrite.isFixed(given[k]) &&
      editor.consumers(name).length === 1 &&
      editor.soleConsumer(name) === node);
  if (!node.inputs.every(isOwn)) return undefined;
  return [0, 1].map((direction) => ({
    ...node,
    inputs: node.inputs.map((name, k) =>
      k === 0 || name === "" ? name : addHalf(given[k]!, direction, rewrite),
    ),
  }));
}

function addHalf(tensor: Tensor, direction: number, rewrite: Rewrite): string {
  return rewrite.deriveConstant(half(tensor, direction), tensor.name ?? "");
}

function half(tensor: Tensor, direction: number): Tensor {
  const bytes = tensorBytes(tensor);
  const length = bytes.length / 2;
  return {
    name: tensor.name ?? "",
    dims: [1, ...tensor.dims.slice(1)],
    dataType: tensor.dataType,
    raw: bytes.slice(direction * length, (direction + 1) * length),
  };
}

/** One direction, up to the step that is read. */
interface OneWay {
  readonly layer: Node;
  /** The node that takes the single step of the inputs that is needed; empty if all are. */
  readonly step: readonly Node[];
  /** The name of the state at that step. */
  readonly at: string;
}

function layerOf(part: Node, direction: Direction, end: End, { editor }: Rewrite): OneWay {
  const [x = "", ...weights] = part.inputs;
  const at = editor.uniqueName(`${part.outputs[0] ?? "y"}_${direction}`);
  const layer: Node = {
    ...part,
    inputs: [x, ...weights],
    outputs: ["", at],
    attributes: [...part.attributes],
  };
  setAttribute(layer, attribute.string("direction", direction));
  const needsAll = (direction === "forward") === (end === "last");
  if (needsAll) return { layer, step: [], at };
  const step = editor.uniqueName(`${x}_${end}`);
  const index = editor.addInitializer(
    int64Tensor(editor.uniqueName(`${end}_step`), [end === "first" ? 0 : -1]),
  );
  layer.inputs[0] = step;
  if (part.name !== undefined) layer.name = editor.uniqueName(`${part.name}_${end}`);
  return { layer, step: [makeNode("Gather", [x, index], [step], [attribute.int("axis", 0)])], at };
}
