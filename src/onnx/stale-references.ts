/**
 * Messages that no pass looks into and that name values of the graph: quantization annotations, and the training
 * information. What names a value that passes have removed goes, rather than pointing nowhere.
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

/** What was left out. */
export interface StaleReferences {
  readonly annotations: number;
  /** Bindings of constants to what trains them, and whole descriptions of a training step. */
  readonly training: number;
}

/** The names that a message may refer to. */
export interface ReferableNames {
  readonly values: ReadonlySet<string>;
  /** Those of them that are constants: scales and zero points must be, and what is trained. */
  readonly constants: ReadonlySet<string>;
}

/** The names of a model before passes change it; undefined where no message names any. */
export function referableNames(model: Model): ReferableNames | undefined {
  const annotated = [...nestedGraphs(model.graph)].some(
    ({ quantizationAnnotations }) => quantizationAnnotations.length > 0,
  );
  return annotated || model.trainingInfo.length > 0 ? namesOf(model) : undefined;
}

/**
 * Leaves out, in place, what names a value that the model had and has no more. What pointed nowhere in the file already
 * stays as it was.
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
      const { tensorName, quantParameterTensorNames = [] }: WireAnnotation = decoded("TensorAnnotation", bytes);
      return (
        !isGone("values")(tensorName) && !quantParameterTensorNames.some(({ value }) => isGone("constants")(value))
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

/** Nothing else reads these messages, so that a malformed one names nothing rather than spoiling the model. */
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
  // A step that computes with what is gone cannot be carried out at all.
  if ([initialization, algorithm].some((graph) => graph && [...takenFromOutside(graph)].some(isGone("values"))))
    return { kept: [], dropped: 1 };
  const [first, later] = [initializationBinding, updateBinding].map((bindings) =>
    bindings.filter(({ key }) => !isGone("constants")(key)),
  ) as [WireEntry[], WireEntry[]];
  const dropped = initializationBinding.length + updateBinding.length - first.length - later.length;
  if (dropped === 0) return { kept: [message], dropped };
  return {
    kept: [
      { bytes: encodeMessage("TrainingInfoProto", { ...info, initializationBinding: first, updateBinding: later }) },
    ],
    dropped,
  };
}

/** Names that a graph uses and does not make. */
function takenFromOutside({ node = [], input = [], initializer = [] }: WireGraph): Set<string> {
  const own = new Set([...input, ...initializer].map(({ name }) => name));
  for (const { output = [] } of node) for (const name of output) own.add(name);
  const taken = new Set<string>();
  for (const { input: inputs = [], attribute = [] } of node) {
    for (const name of inputs) taken.add(name);
    for (const { g, graphs = [] } of attribute)
      for (const body of g ? [g, ...graphs] : graphs) for (const name of takenFromOutside(body)) taken.add(name);
  }
  return new Set([...taken].filter((name) => !own.has(name)));
}
