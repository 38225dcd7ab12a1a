/**
 * Updates messages that no pass reads but that name values of the graph: quantization annotations and
 * training information. Entries for values that passes removed are deleted, because they would point nowhere.
 */
import { BadModelError } from "../errors.js";
import { nestedGraphs, type Model, type OpaqueMessage } from "../ir/index.js";
import { decodeMessage, encodeMessage } from "./schema.js";
import type { WireEntry, WireGraph } from "./wire.js";

interface WireAnnotation {
  tensorName?: string;
  quantParameterTensorNames?: WireEntry[];
}
interface WireTrainingInfo {
  initialization?: WireGraph;
  algorithm?: WireGraph;
  initializationBinding?: WireEntry[];
  updateBinding?: WireEntry[];
}

/** What was removed. */
export interface StaleReferences {
  readonly annotations: number;
  /** Bindings of constants to their training, and whole descriptions of a training step. */
  readonly training: number;
}

/** The names that a message may refer to. */
interface ReferableNames {
  readonly values: ReadonlySet<string>;
  /** Those of them that are constants, as scales, zero points and trained values must be. */
  readonly constants: ReadonlySet<string>;
}

/** The names of a model before passes change it; undefined if no message refers to any. */
export function referableNames(model: Model): ReferableNames | undefined {
  const annotated = [...nestedGraphs(model.graph)].some(
    ({ quantizationAnnotations }) => quantizationAnnotations.length > 0,
  );
  return annotated || model.trainingInfo.length > 0 ? namesOf(model) : undefined;
}

/**
 * Removes, in place, entries for values that the model had and no longer has. Entries that pointed nowhere in
 * the file stay.
 */
export function dropStaleReferences(model: Model, before: ReferableNames): StaleReferences {
  const now = namesOf(model);
  const isGone =
    (kind: keyof ReferableNames) =>
    (name: string | undefined): boolean =>
      name !== undefined && before[kind].has(name) && !now[kind].has(name);
  let annotations = 0;
  for (const graph of nestedGraphs(model.graph)) {
    const kept = graph.quantizationAnnotations.filter(({ bytes }) => {
      const { tensorName, quantParameterTensorNames = [] }: WireAnnotation = decoded(
        "TensorAnnotation",
        bytes,
      );
      return (
        !isGone("values")(tensorName) &&
        !quantParameterTensorNames.some(({ value }) => isGone("constants")(value))
      );
    });
    annotations += graph.quantizationAnnotations.length - kept.length;
    graph.quantizationAnnotations = kept;
  }
  let training = 0;
  model.trainingInfo = model.trainingInfo.flatMap((message) => {
    const { kept, dropped } = withoutStale(message, isGone);
    training += dropped;
    return kept;
  });
  return { annotations, training };
}

function namesOf({ graph }: Model): ReferableNames {
  const values = new Set<string>();
  const constants = new Set<string>();
  for (const { inputs, initializers, nodes } of nestedGraphs(graph)) {
    for (const { name = "" } of initializers) constants.add(name);
    for (const { name } of inputs) values.add(name);
    for (const { outputs } of nodes) for (const name of outputs) values.add(name);
  }
  for (const name of constants) values.add(name);
  values.delete("");
  constants.delete("");
  return { values, constants };
}

/**
 * Nothing else reads these messages, so a malformed one counts as having no names instead of making the model
 * invalid.
 */
function decoded(type: "TensorAnnotation" | "TrainingInfoProto", bytes: Uint8Array): object {
  try {
    return decodeMessage(type, bytes);
  } catch (error) {
    if (error instanceof BadModelError) return {};
    throw error;
  }
}

function withoutStale(
  message: OpaqueMessage,
  isGone: (kind: keyof ReferableNames) => (name: string | undefined) => boolean,
): { kept: OpaqueMessage[]; dropped: number } {
  const info: WireTrainingInfo = decoded("TrainingInfoProto", message.bytes);
  const { initialization, algorithm, initializationBinding = [], updateBinding = [] } = info;
  // A training step that uses a removed value cannot run at all.
  if (
    [initialization, algorithm].some((graph) => graph && [...takenFromOutside(graph)].some(isGone("values")))
  )
    return { kept: [], dropped: 1 };
  const [first, later] = [initializationBinding, updateBinding].map((bindings) =>
    bindings.filter(({ key }) => !isGone("constants")(key)),
  ) as [WireEntry[], WireEntry[]];
  const dropped = initializationBinding.length + updateBinding.length - first.length - later.length;
  if (dropped === 0) return { kept: [message], dropped };
  return {
    kept: [
      {
        bytes: encodeMessage("TrainingInfoProto", {
          ...info,
          initializationBinding: first,
          updateBinding: later,
        }),
      },
    ],
    dropped,
  };
}

/** Names that a graph uses but does not define. */
function takenFromOutside({ node = [], input = [], initializer = [] }: WireGraph): Set<string> {
  const own = new Set([...input, ...initializer].map(({ name }) => name));
  for (const { output = [] } of node) for (const name of output) own.add(name);
  const taken = new Set<string>();
  for (const { input: inputs = [], attribute = [] } of node) {
    for (const name of inputs) taken.add(name);
    for (const { g, graphs = [] } of attribute)
      for (const body of g ? [g, ...graphs] : graphs)
        for (const name of takenFromOutside(body)) taken.add(name);
  }
  return new Set([...taken].filter((name) => !own.has(name)));
}
