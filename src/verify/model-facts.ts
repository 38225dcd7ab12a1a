/**
 * What a comparison needs to know about a model file. Kept by file, so that the file is decoded once and the model
 * need not stay in memory while sessions are open.
 */
import { statSync } from "node:fs";
import { makersOfOutputs, type Maker } from "../fidelity/index.js";
import { nonTensorValues, withoutFile, type Model, type ValueInfo } from "../ir/index.js";
import { dataLocations, readModel } from "../onnx/index.js";
import { isReadableOutput, isReadableTensor } from "./readable-outputs.js";

export interface ModelFacts {
  /** All graph inputs. */
  readonly inputs: readonly ValueInfo[];
  /** Graph inputs without a default value. */
  readonly required: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** What made each output. */
  readonly makers: ReadonlyMap<string, Maker>;
  /** Its data files, relative to its folder. */
  readonly dataLocations: readonly string[];
  /** Whether the runtime can load the unchanged file. */
  readonly isLoadable: boolean;
  /** Whether all outputs can be read from the unchanged file. */
  readonly isReadable: boolean;
}

interface Known {
  /** Tells a file from a later one of the same path. */
  readonly identity: string;
  readonly facts: ModelFacts;
}

/** A run compares few files, and a search many one after the other. */
const MOST_KNOWN = 16;
const known = new Map<string, Known>();

/**
 * Reads the file unless its facts are known. Throws as `readModel` does.
 * @param model the file's, if it was read already
 */
export function factsOf(path: string, model?: Model): ModelFacts {
  const identity = identityOf(path);
  const before = known.get(path);
  if (before && before.identity === identity) return before.facts;
  const facts = gathered(model ?? readModel(path));
  if (identity !== undefined) remember(path, { identity, facts });
  return facts;
}

function remember(path: string, entry: Known): void {
  known.delete(path);
  known.set(path, entry);
  for (const oldest of known.keys()) {
    if (known.size <= MOST_KNOWN) break;
    known.delete(oldest);
  }
}

/** Undefined for a file that cannot be looked at: reading it says why. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return undefined;
  }
}

function gathered(model: Model): ModelFacts {
  const { graph } = model;
  const inputs = graph.inputs.map(withoutFile);
  const defaults = new Set(graph.initializers.map((tensor) => tensor.name));
  const nonTensors = nonTensorValues(graph);
  return {
    inputs,
    required: inputs.filter(({ name }) => !defaults.has(name)),
    outputs: graph.outputs.map(withoutFile),
    makers: makersOfOutputs(model),
    dataLocations: dataLocations(model),
    isLoadable: graph.outputs.every(isReadableTensor),
    isReadable: graph.outputs.every((output) => isReadableOutput(output, nonTensors)),
  };
}
