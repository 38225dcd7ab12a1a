/**
 * Types of the outputs of If, Loop and Scan, from the types of their bodies' outputs.
 *
 * A loop-carried value has the type of its initial value as far as an iteration keeps it. Sizes that an
 * iteration changes become unknown and the body is analysed again until nothing changes: a fixed point of
 * abstract interpretation (Cousot, Cousot 1977). Symbols for sizes that a body computes do not leave it,
 * because the sizes may differ between iterations.
 */
import {
  DataType,
  intAttribute,
  intsAttribute,
  isOp,
  subgraphsOf,
  toNumbers,
  type Dimension,
  type Graph,
} from "../ir/index.js";
import type { Call, Known, Shape } from "./shape-rules/call.js";
import { normalAxis } from "./weights.js";

interface Bodies {
  /** Types of the body's outputs for the given types of its inputs. The facts of the latest analysis are kept. */
  readonly look: (body: Graph, given: readonly Known[]) => readonly Known[];
  /** Whether the budget allows repeated analysis, which nested loops multiply. */
  readonly mayLookAgain: () => boolean;
}

/** Most iterations of the analysis before sizes that still change become unknown. */
const MAX_TURNS = 4;

export function bodyOutputs(call: Call, bodies: Bodies): readonly Known[] {
  const { node } = call;
  const graphs = subgraphsOf(node);
  const [body] = graphs;
  if (isOp(node, "Loop") && body) return loop(call, body, bodies);
  if (isOp(node, "Scan") && body?.inputs.length === node.inputs.length) return scan(call, body, bodies);
  const [one, other] = graphs.map((graph) => bodies.look(graph, []));
  return isOp(node, "If") && one && other ? one.map((type, k) => agreed(type, other[k])) : [];
}

/** The common part of two types: sizes that differ become unknown. */
function agreed(a: Known, b: Known): Known {
  if (!a || a.elementType !== b?.elementType) return undefined;
  if (!a.shape || a.shape.length !== b.shape?.length) return { elementType: a.elementType };
  return {
    elementType: a.elementType,
    shape: a.shape.map((dim, k) => (dim === b.shape?.[k] ? dim : undefined)),
  };
}

function loop(call: Call, body: Graph, bodies: Bodies): readonly Known[] {
  const { node, sizes } = call;
  const before = sizes.mark();
  const initial = node.inputs.slice(2).map((_, k) => call.inputs[k + 2]);
  // In onnxruntime, the iteration number and the condition have the rank that the body declares.
  const counters = [DataType.INT64, DataType.BOOL].map((elementType, k): Known => ({
    elementType,
    ...counterShape(body.inputs[k]?.type?.tensor?.shape),
  }));
  const { states, after } = settled(initial, bodies, (given) =>
    bodies.look(body, [...counters, ...given]).slice(1),
  );
  const trips = tripsOf(call, body);
  return [
    ...states,
    ...after
      .slice(states.length)
      .map(
        (type) => type && { elementType: type.elementType, ...stacked(type.shape, 0, trips, call, before) },
      ),
  ];
}

function counterShape(declared: Shape): { shape?: Dimension[] } {
  return declared && declared.length <= 1 ? { shape: declared.length === 0 ? [] : [1] } : {};
}

/**
 * The number of iterations of a loop; undefined if unknown but not zero; null if it may be zero, in which case
 * onnxruntime chooses its own shape for the scan outputs.
 */
function tripsOf(call: Call, body: Graph): Dimension | null {
  const most = call.value(0)?.[0];
  const condition = call.node.inputs[1] ?? "";
  const begins = condition === "" || isTrue(call.constant(1));
  if (typeof most !== "number" || most < 1 || !begins) return null;
  return goesOn(body) ? most : undefined;
}

function isTrue(tensor: ReturnType<Call["constant"]>): boolean {
  return tensor?.dataType === DataType.BOOL && toNumbers(tensor)[0] === 1;
}

/** Whether the body's condition stays true: it is passed through, or a constant. */
function goesOn(body: Graph): boolean {
  const given = body.inputs[1]?.name;
  let name = body.outputs[0]?.name;
  const maker = body.nodes.find(({ outputs }) => outputs.includes(name ?? ""));
  if (maker && !isOp(maker, "Identity")) return false;
  if (maker) name = maker.inputs[0];
  return (
    name !== undefined && (name === given || isTrue(body.initializers.find((tensor) => tensor.name === name)))
  );
}

function scan(call: Call, body: Graph, bodies: Bodies): readonly Known[] {
  const { node, sizes } = call;
  const before = sizes.mark();
  const count = Math.min(intAttribute(node, "num_scan_inputs", 0), node.inputs.length);
  const stateCount = node.inputs.length - count;
  const scanned = call.inputs.slice(stateCount);
  const axes = scanned.map((type, k) =>
    normalAxis(intsAttribute(node, "scan_input_axes")?.[k] ?? 0, type?.shape?.length ?? 0),
  );
  const lengths = scanned.map((type, k) => type?.shape?.[axes[k] ?? 0]);
  const length =
    lengths.find((size) => typeof size === "number") ?? lengths.find((size) => size !== undefined);
  const slices = scanned.map(
    (type, k): Known =>
      type && {
        elementType: type.elementType,
        ...(type.shape ? { shape: type.shape.filter((_, at) => at !== axes[k]) } : {}),
      },
  );
  const { states, after } = settled(call.inputs.slice(0, stateCount), bodies, (given) =>
    bodies.look(body, [...given, ...slices]),
  );
  return [
    ...states,
    ...after.slice(stateCount).map((type, k) => {
      const axis = normalAxis(
        intsAttribute(node, "scan_output_axes")?.[k] ?? 0,
        (type?.shape?.length ?? 0) + 1,
      );
      return type && { elementType: type.elementType, ...stacked(type.shape, axis, length, call, before) };
    }),
  ];
}

/** The shape of a scan output: the iterations' values stacked along a new axis. */
function stacked(
  shape: Shape,
  axis: number,
  length: Dimension | null,
  { sizes }: Call,
  before: number,
): { shape?: Dimension[] } {
  if (!shape || length === null) return {};
  const outside = shape.map((dim) =>
    typeof dim === "string" && !sizes.isOlder(dim, before) ? undefined : dim,
  );
  return { shape: [...outside.slice(0, axis), length, ...outside.slice(axis)] };
}

/**
 * The types of loop-carried values that an iteration preserves, and the types of all outputs of such an
 * iteration.
 * @param turn maps the input types of an iteration to its output types
 */
function settled(
  initial: readonly Known[],
  bodies: Bodies,
  turn: (states: readonly Known[]) => readonly Known[],
): { states: readonly Known[]; after: readonly Known[] } {
  let states = initial;
  for (let k = 0; k < MAX_TURNS && bodies.mayLookAgain(); k++) {
    const after = turn(states);
    const kept = states.map((type, index) => agreed(type, after[index]));
    if (kept.every((type, index) => isAsKnown(type, states[index]))) return { states, after };
    states = kept;
  }
  states = initial.map((type) => type && { elementType: type.elementType });
  return { states, after: turn(states) };
}

function isAsKnown(kept: Known, before: Known): boolean {
  if (!kept || !before) return kept === before;
  if (!kept.shape || !before.shape) return kept.shape === before.shape;
  return kept.shape.every((dim, k) => dim !== undefined || before.shape?.[k] === undefined);
}
