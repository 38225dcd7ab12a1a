/** What a model holds: its inputs and outputs, operators, weights, costs, where its bytes are, and what passes could do with it. */
import { stat } from "node:fs/promises";
import { abortable } from "../abort.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { withLimits, type LimitOptions } from "../run-limits.js";
import { DataType, dataTypeName, nestedGraphs, validateModel, type Model, type ValueInfo } from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { describeNodes, describeOperators } from "./inspection/by-node.js";
import { costsOf } from "./inspection/costs.js";
import { fileParts } from "./inspection/file-parts.js";
import { fedInputs, type GivenSizes } from "./inspection/input-shapes.js";
import { INSPECTION_VERSION, type Inspection, type InspectedValue, type InspectedWeight } from "./inspection/inspection.js";
import { oneSampleNotes, takeOneSample } from "./inspection/open-batch.js";
import { prepareModel, sizedModel } from "./inspection/prepared-model.js";
import { tryPasses, type Trial } from "./inspection/possibilities.js";
import { runShapes, type Shapes } from "./inspection/run-shapes.js";
import { domainName, scopesOf } from "./inspection/scopes.js";
import { collectWeights } from "./inspection/weights.js";
import { constantComputer } from "./inspection/computed-weights.js";
import { RunCompute } from "./run-compute.js";
import { computeThreads } from "./threads.js";
import { RuntimeEvaluator } from "./constant-evaluator.js";

export interface InspectOptions extends GivenSizes, LimitOptions {
  /** Takes sizes from a run on zeros, and computes weights that are stored as codes. Default false: nothing is run. */
  readonly run?: boolean;
  /** Tries the passes on a copy to say what they could do with each node; "small" does so up to 4 Mi parameters. Default false. */
  readonly possibilities?: boolean | "small";
  readonly logger?: Logger;
  /** Ends it early: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const FLOATING: readonly string[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE].map(dataTypeName);
const MOST_PROBLEMS = 20;
/** Pruning and clustering take about a second for each million. */
const SMALL = 2 ** 22;

/**
 * Reads a model and describes it. Weights are decoded one at a time. Throws BadModelError; EdgecError CANNOT_READ;
 * BAD_OPTION or UNMATCHED_SELECTOR for sizes that do not fit the model; RUNTIME_MISSING when `run` is asked for.
 */
export function inspect(input: string | Uint8Array | Model, options: InspectOptions = {}): Promise<Inspection> {
  return abortable(options.signal, () => withLimits(options, () => describeModel(input, options)));
}

async function describeModel(input: string | Uint8Array | Model, options: InspectOptions): Promise<Inspection> {
  const model = typeof input === "string" || input instanceof Uint8Array ? readModel(input) : input;
  const fileBytes = typeof input === "string" ? (await stat(input)).size : input instanceof Uint8Array ? input.byteLength : undefined;
  const problems = validateModel(model).map(({ message }) => message);
  const warnings: string[] = [];
  const evaluator = options.run === true ? new RuntimeEvaluator() : undefined;
  try {
    const measured = options.run === true ? await measure(model, options, warnings) : undefined;
    const described = await describe(model, options, measured, evaluator);
    const trial = problems.length === 0 ? await trialOf(model, described.parameters, evaluator, options) : undefined;
    return {
      inspectionVersion: INSPECTION_VERSION, path: model.path ?? null, fileBytes: fileBytes ?? null,
      ...described, parts: fileParts(model, fileBytes),
      sizesFrom: measured ? "run" : "inference", possibilities: trial?.possibilities ?? null,
      problems: problems.slice(0, MOST_PROBLEMS), notes: oneSampleNotes(takeOneSample(sizedModel(model, options))),
      warnings: [...warnings, ...(trial?.warnings ?? []), ...(evaluator?.stopped ? [evaluator.stopped.message] : [])],
    };
  } finally {
    await evaluator?.close();
  }
}

async function trialOf(model: Model, parameters: number, evaluator: RuntimeEvaluator | undefined, { possibilities = false, logger }: InspectOptions): Promise<Trial | undefined> {
  if (possibilities === false) return undefined;
  if (possibilities === "small" && parameters > SMALL) {
    return { possibilities: null, warnings: [`Passes were not tried, as that takes long with ${parameters.toLocaleString("en")} parameters. --passes tries them all the same.`] };
  }
  const compute = new RunCompute(computeThreads(undefined));
  try {
    return await tryPasses(model, { evaluator, compute, progress: (done, total) => logger?.progress?.({ step: "trying passes", done, total }) });
  } finally {
    await compute.close();
  }
}

/** A model that does not run on zeros is looked at without. */
async function measure(model: Model, options: InspectOptions, warnings: string[]): Promise<Shapes | undefined> {
  options.logger?.progress?.({ step: "running once on zeros", done: 0 });
  try {
    return await runShapes(sizedModel(model, options));
  } catch (error) {
    if (!(error instanceof EdgecError) || !(error.code === "MODEL_REJECTED" || error.code === "RUNTIME_CRASHED" || error.code === "USAGE")) throw error;
    warnings.push(`The model was not run, so sizes come from its declarations: ${error.message}`);
    return undefined;
  }
}

type Described = Omit<Inspection, "inspectionVersion" | "path" | "fileBytes" | "parts" | "sizesFrom" | "possibilities" | "problems" | "notes" | "warnings">;

async function describe(model: Model, options: InspectOptions, measured: Shapes | undefined, evaluator: RuntimeEvaluator | undefined): Promise<Described> {
  const { graph: sized } = sizedModel(model, options);
  const prepared = await prepareModel(model, options, measured);
  const scopes = scopesOf(model);
  const paths = new Map(scopes.flatMap(({ nodes, path }) => nodes.map((node) => [node, path])));
  const compute = evaluator && constantComputer(prepared, model, evaluator);
  options.logger?.progress?.({ step: "reading weights", done: 0 });
  const found = await collectWeights({ prepared, scopeOf: (node) => paths.get(node) ?? "", compute, progress: (done, total) => options.logger?.progress?.({ step: "reading weights", done, total }) });
  options.logger?.progress?.({ step: "counting costs", done: 0 });
  const weights = found.map(({ weight }) => weight);
  const costs = costsOf(prepared);
  const nodes = describeNodes(scopes, found, costs);
  const unknownMacs = nodes.filter(({ macs }) => macs === null).length;
  const macs = nodes.reduce((sum, node) => sum + (node.macs ?? 0), 0);
  return {
    irVersion: Number(model.irVersion ?? 0n),
    opsets: model.opsetImports.map(({ domain, version }) => ({ domain: domainName(domain), version: Number(version ?? 0n) })),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "),
    functions: model.functions.length,
    inputs: fedInputs({ graph: sized }).map(describeValue),
    outputs: sized.outputs.map(describeValue),
    nodes, operators: describeOperators(nodes), weights,
    parameters: weights.reduce((sum, { elements }) => sum + elements, 0),
    parameterBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0),
    sparsity: sparsityOf(weights),
    externalTensors: [...nestedGraphs(model.graph)].reduce((sum, { initializers }) => sum + initializers.filter(({ external }) => external).length, 0),
    macs: unknownMacs > 0 && macs === 0 ? null : macs, unknownMacs,
    activations: costs.activations,
  };
}

function describeValue({ name, type }: ValueInfo): InspectedValue {
  const tensor = type?.tensor;
  if (!tensor) return { name, type: "unknown" };
  const shape = tensor.shape?.map((dimension) => dimension ?? null);
  return { name, type: dataTypeName(tensor.elementType), ...(shape === undefined ? {} : { shape }) };
}

function sparsityOf(weights: readonly InspectedWeight[]): number | null {
  // Of codes that were not unpacked it is not known which stand for zero.
  if (weights.some(({ stored, statistics }) => stored === "computed" && !statistics)) return null;
  const known = weights.filter(({ type, statistics }) => statistics && FLOATING.includes(type));
  const total = known.reduce((sum, { elements }) => sum + elements, 0);
  return total === 0 ? null : known.reduce((sum, { statistics }) => sum + (statistics?.zeros ?? 0), 0) / total;
}
