/** Makes nodes that join the content of a sequence or an optional value into one flat tensor. */
import {
  attribute,
  DataType,
  emptyGraph,
  makeNode,
  opsetVersion,
  tensorValue,
  type Graph,
  type Model,
  type Node,
  type Tensor,
} from "../ir/index.js";
import { isReadableType } from "../runtime/index.js";

/** A tensor read in place of an output, or of a part of it. */
export interface StandIn {
  /** Appended to the output's name. */
  readonly suffix: string;
  readonly value: string;
  /** The nodes that compute the value from values of the model. */
  readonly nodes: readonly Node[];
  /** Whether to cast it to float because its own type cannot be read. */
  readonly cast?: boolean;
}

interface Held {
  readonly kind: "sequence" | "optional";
  readonly elementType: DataType;
}

/**
 * Oldest operator sets in which Loop carries sequences, and in which If and OptionalGetElement accept what is
 * needed here.
 */
const OLDEST = { sequence: 13, optional: 16 } as const;

/** Empty if the operator set is too old, or the content cannot be read. */
export function unpacked(model: Model, name: string, held: Held, fresh: (stem: string) => string): StandIn[] {
  if (opsetVersion(model) < OLDEST[held.kind] || !isReadableType(held.elementType)) return [];
  return held.kind === "sequence"
    ? sequenceParts(name, held.elementType, fresh)
    : optionalParts(name, held.elementType, fresh);
}

function sequenceParts(name: string, elementType: DataType, fresh: (stem: string) => string): StandIn[] {
  const [length, empty, start, all, elements] = freshNames(
    ["length", "empty", "start", "all", "elements"],
    fresh,
  );
  const nodes = [
    makeNode("SequenceLength", [name], [length]),
    constantNode(empty, noElements(elementType)),
    makeNode("SequenceConstruct", [empty], [start]),
    makeNode("Loop", [length, "", start], [all], [attribute.graph("body", appendingBody(name, fresh))]),
    makeNode("ConcatFromSequence", [all], [elements], [attribute.int("axis", 0)]),
  ];
  return [
    { suffix: ".length", value: length, nodes },
    { suffix: ".elements", value: elements, nodes: [] },
  ];
}

/** A loop body that appends each element, flattened, to the sequence that it carries. */
function appendingBody(sequence: string, fresh: (stem: string) => string): Graph {
  const [round, goOn, before, element, shape, flat, after, still] = freshNames(
    ["round", "go_on", "before", "element", "shape", "flat", "after", "still"],
    fresh,
  );
  return {
    ...emptyGraph(fresh("append")),
    inputs: [tensorValue(round, DataType.INT64, []), tensorValue(goOn, DataType.BOOL, []), { name: before }],
    outputs: [{ name: still }, { name: after }],
    nodes: [
      makeNode("SequenceAt", [sequence, round], [element]),
      ...flattened(element, shape, flat),
      makeNode("SequenceInsert", [before, flat], [after]),
      makeNode("Identity", [goOn], [still]),
    ],
  };
}

function optionalParts(name: string, elementType: DataType, fresh: (stem: string) => string): StandIn[] {
  const [present, elements, element, shape, flat, none] = freshNames(
    ["present", "elements", "element", "shape", "flat", "none"],
    fresh,
  );
  const some = {
    ...emptyGraph(fresh("some")),
    outputs: [{ name: flat }],
    nodes: [makeNode("OptionalGetElement", [name], [element]), ...flattened(element, shape, flat)],
  };
  const nothing = {
    ...emptyGraph(fresh("nothing")),
    outputs: [{ name: none }],
    nodes: [constantNode(none, noElements(elementType))],
  };
  const branches = [attribute.graph("then_branch", some), attribute.graph("else_branch", nothing)];
  const nodes = [
    makeNode("OptionalHasElement", [name], [present]),
    makeNode("If", [present], [elements], branches),
  ];
  return [
    { suffix: ".present", value: present, nodes },
    { suffix: ".elements", value: elements, nodes: [] },
  ];
}

/** A tuple of the same length as the list of stems. */
function freshNames<const T extends readonly string[]>(
  stems: T,
  fresh: (stem: string) => string,
): { -readonly [K in keyof T]: string } {
  return stems.map(fresh) as { -readonly [K in keyof T]: string };
}

function flattened(value: string, shape: string, flat: string): Node[] {
  const all = { dims: [1], dataType: DataType.INT64, raw: new Uint8Array(BigInt64Array.of(-1n).buffer) };
  return [constantNode(shape, all), makeNode("Reshape", [value, shape], [flat])];
}

function noElements(dataType: DataType): Tensor {
  return { dims: [0], dataType, ...(dataType === DataType.STRING ? {} : { raw: new Uint8Array() }) };
}

function constantNode(name: string, value: Tensor): Node {
  return makeNode("Constant", [], [name], [attribute.tensor("value", value)]);
}
