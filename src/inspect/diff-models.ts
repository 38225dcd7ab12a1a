/** Compares two models. */
import { isDeepStrictEqual } from "node:util";
import { type Model, fedInputs } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { requireModelSource } from "../arguments.js";
import { refuseUnknown } from "../option-keys.js";
import { inspect, INSPECT_KEYS, type InspectOptions } from "./inspect.js";
import type { InspectedOperator, InspectedValue, InspectedWeight, Inspection } from "./inspection.js";
import { matchWeights, type WeightMatch } from "./match-weights.js";

const DIFF_VERSION = 1;

export interface Change<T> {
  readonly before: T;
  readonly after: T;
}

export interface ValueChange {
  readonly name: string;
  readonly before: InspectedValue | null;
  readonly after: InspectedValue | null;
}

export interface OperatorChange {
  readonly opType: string;
  readonly domain: string;
  /** Number of nodes in all scopes. */
  readonly before: number;
  readonly after: number;
}

export type WeightSide = Pick<
  InspectedWeight,
  "name" | "node" | "type" | "shape" | "elements" | "bytes" | "stored"
> & {
  /** Null if the values are unknown: see `InspectedWeight.statistics`. */
  readonly zeros: number | null;
  readonly distinct: number | null;
};

export interface WeightChange {
  readonly name: string;
  /** What the two weights have in common; null for a weight that only one model has. */
  readonly matchedBy: WeightMatch | null;
  readonly before: WeightSide | null;
  readonly after: WeightSide | null;
  /** Whether type, shape, form of storage or values differ. */
  readonly changed: boolean;
}

/** Every key is part of the public schema (docs/guide/inspecting.md): keys are added, never renamed. */
export interface ModelDiff {
  readonly diffVersion: typeof DIFF_VERSION;
  readonly path: Change<string | null>;
  /** Bytes of the model file and of its tensors in other files; null for a model in memory. */
  readonly size: Change<number | null>;
  readonly parameters: Change<number>;
  readonly parameterBytes: Change<number>;
  readonly sparsity: Change<number | null>;
  /** Null if those of any node are unknown. */
  readonly macs: Change<number | null>;
  readonly peakActivationBytes: Change<number | null>;
  readonly nodes: Change<number>;
  readonly irVersion: Change<number>;
  /** Null if the operator set is not imported. */
  readonly opsets: readonly ({ readonly domain: string } & Change<number | null>)[];
  /** Inputs that differ, by name. */
  readonly inputs: readonly ValueChange[];
  readonly outputs: readonly ValueChange[];
  /** All operators, largest change first. */
  readonly operators: readonly OperatorChange[];
  /** All weights: those of the first model in its order, then those that only the second has. */
  readonly weights: readonly WeightChange[];
  /** Assumptions behind the figures where a model leaves something open. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Inspects both models and compares them. Sizes in `options` apply to the model that has the input or symbol.
 * Throws as `inspect` does, for sizes only if neither model has the input or symbol.
 */
export async function diffModels(
  before: string | Uint8Array | Model,
  after: string | Uint8Array | Model,
  options: InspectOptions = {},
): Promise<ModelDiff> {
  refuseUnknown("diffModels", INSPECT_KEYS, options);
  requireModelSource("diffModels", before);
  requireModelSource("diffModels", after);
  const plain = { ...options, possibilities: false };
  const a = await inspect(before, sizesFor(before, after, plain));
  const b = await inspect(after, sizesFor(after, before, plain));
  const pair = <T>(read: (inspection: Inspection) => T): Change<T> => ({ before: read(a), after: read(b) });
  return {
    diffVersion: DIFF_VERSION,
    path: pair(({ path }) => path),
    size: pair(({ fileBytes, parts }) => (fileBytes === null ? null : fileBytes + parts.external)),
    parameters: pair(({ parameters }) => parameters),
    parameterBytes: pair(({ parameterBytes }) => parameterBytes),
    sparsity: pair(({ sparsity }) => sparsity),
    macs: pair(({ macs, unknownMacs }) => (unknownMacs > 0 ? null : macs)),
    peakActivationBytes: pair(({ activations }) => activations.peakBytes),
    nodes: pair(({ nodes }) => nodes.length),
    irVersion: pair(({ irVersion }) => irVersion),
    opsets: opsetChanges(a, b),
    inputs: valueChanges(a.inputs, b.inputs),
    outputs: valueChanges(a.outputs, b.outputs),
    operators: operatorChanges(a.operators, b.operators),
    weights: matchWeights(a.weights, b.weights).map(([first, second, matchedBy]) =>
      weightChange(first, second, matchedBy),
    ),
    notes: [...new Set([...a.notes, ...b.notes])],
    warnings: [...a.warnings, ...b.warnings],
  };
}

/** Leaves out sizes of inputs and symbols that only the other model has. */
function sizesFor(
  own: string | Uint8Array | Model,
  other: string | Uint8Array | Model,
  options: InspectOptions,
): InspectOptions {
  const { shapes, dims, ...rest } = options;
  if (!shapes && !dims) return options;
  const [mine, others] = [declaredIn(own), declaredIn(other)];
  const kept = <T>(given: Readonly<Record<string, T>> | undefined, kind: keyof Declared): Record<string, T> =>
    Object.fromEntries(
      Object.entries(given ?? {}).filter(([name]) => mine[kind].has(name) || !others[kind].has(name)),
    );
  return { ...rest, shapes: kept(shapes, "inputs"), dims: kept(dims, "symbols") };
}

interface Declared {
  readonly inputs: ReadonlySet<string>;
  readonly symbols: ReadonlySet<unknown>;
}

function declaredIn(source: string | Uint8Array | Model): Declared {
  const inputs = fedInputs(
    typeof source === "string" || source instanceof Uint8Array ? readModel(source) : source,
  );
  return {
    inputs: new Set(inputs.map(({ name }) => name)),
    symbols: new Set(inputs.flatMap(({ type }) => type?.tensor?.shape ?? [])),
  };
}

function opsetChanges(a: Inspection, b: Inspection): ModelDiff["opsets"] {
  const version = ({ opsets }: Inspection, domain: string): number | null =>
    opsets.find((opset) => opset.domain === domain)?.version ?? null;
  return [...new Set([...a.opsets, ...b.opsets].map(({ domain }) => domain))].map((domain) => ({
    domain,
    before: version(a, domain),
    after: version(b, domain),
  }));
}

function valueChanges(before: readonly InspectedValue[], after: readonly InspectedValue[]): ValueChange[] {
  const [a, b] = [before, after].map((values) => new Map(values.map((value) => [value.name, value])));
  return [...new Set([...before, ...after].map(({ name }) => name))]
    .map((name) => ({ name, before: a?.get(name) ?? null, after: b?.get(name) ?? null }))
    .filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.after));
}

function operatorChanges(
  before: readonly InspectedOperator[],
  after: readonly InspectedOperator[],
): OperatorChange[] {
  const key = ({ domain, opType }: InspectedOperator): string => `${domain}\n${opType}`;
  const [a, b] = [before, after].map(
    (operators) => new Map(operators.map((operator) => [key(operator), operator.count])),
  );
  const all = new Map([...before, ...after].map((operator) => [key(operator), operator]));
  const changes = [...all].map(([name, { opType, domain }]) => ({
    opType,
    domain,
    before: a?.get(name) ?? 0,
    after: b?.get(name) ?? 0,
  }));
  return changes.sort(
    (x, y) => Math.abs(y.after - y.before) - Math.abs(x.after - x.before) || y.before - x.before,
  );
}

function weightChange(
  before: InspectedWeight | undefined,
  after: InspectedWeight | undefined,
  matchedBy: WeightMatch | null,
): WeightChange {
  const essence = (weight: InspectedWeight | undefined): unknown[] | undefined =>
    weight && [weight.digest, weight.type, weight.stored, weight.shape];
  const same = isDeepStrictEqual(essence(before), essence(after));
  return {
    name: before?.name ?? after?.name ?? "",
    matchedBy,
    before: before ? side(before) : null,
    after: after ? side(after) : null,
    changed: !same,
  };
}

function side({ name, node, type, shape, elements, bytes, stored, statistics }: InspectedWeight): WeightSide {
  return {
    name,
    node,
    type,
    shape,
    elements,
    bytes,
    stored,
    zeros: statistics?.zeros ?? null,
    distinct: statistics?.distinct ?? null,
  };
}
