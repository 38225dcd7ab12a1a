/**
 * Describes a model: its inputs and outputs, operators, weights, costs, where its bytes are, and what passes
 * could do with it.
 */
import { stat } from "node:fs/promises";
import { abortable } from "../abort.js";
import { requireModelSource } from "../arguments.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { boolean, byName, check, listOf, logger, number, signal } from "../option-checks.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import { LIMIT_KEYS, withLimits, type LimitOptions } from "../run-limits.js";
import {
  DataType,
  dataTypeName,
  nestedGraphs,
  validateModel,
  type Model,
  type ValueInfo,
  fedInputs,
  type Tensor,
  domainName,
} from "../ir/index.js";
import { readModel } from "../onnx/index.js";
import { describeNodes, describeOperators } from "./by-node.js";
import { costsOf } from "./costs.js";
import { fileParts } from "./file-parts.js";
import type { GivenSizes } from "./input-shapes.js";
import {
  INSPECTION_VERSION,
  type Inspection,
  type InspectedValue,
  type InspectedWeight,
} from "./inspection.js";
import { oneSampleNotes, takeOneSample } from "./open-batch.js";
import { prepareModel, sizedModel, type PreparedModel } from "./prepared-model.js";
import { tryPasses, type Trial } from "./possibilities.js";
import { runShapes, type Shapes } from "./run-shapes.js";
import { scopesOf } from "./scopes.js";
import { collectWeights } from "./weights.js";
import { RunCompute } from "../run/run-compute.js";
import { computeThreads } from "../plan/threads.js";
import { RuntimeEvaluator } from "../run/ort-evaluator.js";
import { modelComputing } from "../calibration/augment.js";
import type { ConstantEvaluator } from "../passes/contract.js";
import { option } from "../option-names.js";

export interface InspectOptions extends GivenSizes, LimitOptions {
  /**
   * Runs the model on zeros to get sizes, and computes weights that are stored as codes. Default false:
   * nothing is run.
   */
  readonly run?: boolean;
  /**
   * Tries the passes on a copy to find out what they could do with each node; "small" does so only up to 4 Mi
   * parameters. Default false.
   */
  readonly possibilities?: boolean | "small";
  readonly logger?: Logger;
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export const INSPECT_KEYS = {
  ...LIMIT_KEYS,
  shapes: byName("lists of sizes", listOf("sizes", number)),
  dims: byName("sizes", number),
  run: boolean,
  possibilities: check('true, false or "small"', (value) => value === "small" || boolean.accepts(value)),
  logger: logger,
  signal: signal,
} satisfies KeysOf<InspectOptions>;

const FLOATING: readonly string[] = [
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
].map(dataTypeName);
const MAX_PROBLEMS = 20;
/** Limit for "small", in parameters. Pruning and clustering take about a second per million. */
const SMALL = 2 ** 22;

/**
 * Reads a model and describes it. Decodes weights one at a time. Throws BadModelError; EdgecError
 * CANNOT_READ; BAD_OPTION or UNMATCHED_SELECTOR for sizes that do not fit the model; RUNTIME_MISSING if `run`
 * is set.
 */
export function inspect(
  input: string | Uint8Array | Model,
  options: InspectOptions = {},
): Promise<Inspection> {
  return withKnownOptions("inspect", INSPECT_KEYS, options, () => {
    requireModelSource("inspect", input);
    return abortable(options.signal, () => withLimits(options, () => describeModel(input, options)));
  });
}

async function describeModel(
  input: string | Uint8Array | Model,
  options: InspectOptions,
): Promise<Inspection> {
  const model = typeof input === "string" || input instanceof Uint8Array ? readModel(input) : input;
  const fileBytes =
    typeof input === "string"
      ? (await stat(input)).size
      : input instanceof Uint8Array
        ? input.byteLength
        : undefined;
  const problems = validateModel(model).map(({ message }) => message);
  const warnings: string[] = [];
  const evaluator = options.run === true ? new RuntimeEvaluator() : undefined;
  try {
    const measured = options.run === true ? await measure(model, options, warnings) : undefined;
    const described = await describe(model, options, measured, evaluator);
    const trial =
      problems.length === 0 ? await trialOf(model, described.parameters, evaluator, options) : undefined;
    return {
      inspectionVersion: INSPECTION_VERSION,
      path: model.path ?? null,
      fileBytes: fileBytes ?? null,
      ...described,
      parts: fileParts(model, fileBytes),
      sizesFrom: measured ? "run" : "inference",
      possibilities: trial?.possibilities ?? null,
      problems: problems.slice(0, MAX_PROBLEMS),
      notes: oneSampleNotes(takeOneSample(sizedModel(model, options))),
      warnings: [
        ...warnings,
        ...(trial?.warnings ?? []),
        ...(evaluator?.stopped ? [evaluator.stopped.message] : []),
      ],
    };
  } finally {
    await evaluator?.close();
  }
}

async function trialOf(
  model: Model,
  parameters: number,
  evaluator: RuntimeEvaluator | undefined,
  { possibilities = false, logger }: InspectOptions,
): Promise<Trial | undefined> {
  if (possibilities === false) return undefined;
  if (possibilities === "small" && parameters > SMALL) {
    return {
      possibilities: null,
      warnings: [
        `Passes were not tried, because that takes long with ${parameters.toLocaleString("en")} ` +
          `parameters. Give ${option("possibilities", true)} to try them anyway.`,
      ],
    };
  }
  const compute = new RunCompute(computeThreads(undefined));
  try {
    return await tryPasses(model, {
      evaluator,
      compute,
      progress: (done, total) => logger?.progress?.({ step: "try passes", done, total }),
    });
  } finally {
    await compute.close();
  }
}

/**
 * Runs the model with one sample if the batch is open. If it does not run on zeros, it is described without a
 * run.
 */
async function measure(
  model: Model,
  options: InspectOptions,
  warnings: string[],
): Promise<Shapes | undefined> {
  options.logger?.progress?.({ step: "run once on zeros", done: 0 });
  try {
    const sized = sizedModel(model, options);
    takeOneSample(sized);
    return await runShapes(sized);
  } catch (error) {
    if (
      !(error instanceof EdgecError) ||
      !(error.code === "MODEL_REJECTED" || error.code === "RUNTIME_CRASHED" || error.code === "USAGE")
    )
      throw error;
    warnings.push(`The model was not run, so its sizes come from declarations: ${error.message}`);
    return undefined;
  }
}

type Described = Omit<
  Inspection,
  | "inspectionVersion"
  | "path"
  | "fileBytes"
  | "parts"
  | "sizesFrom"
  | "possibilities"
  | "problems"
  | "notes"
  | "warnings"
>;

async function describe(
  model: Model,
  options: InspectOptions,
  measured: Shapes | undefined,
  evaluator: RuntimeEvaluator | undefined,
): Promise<Described> {
  const { graph: sized } = sizedModel(model, options);
  const prepared = await prepareModel(model, options, measured);
  const scopes = scopesOf(model);
  const paths = new Map(scopes.flatMap(({ nodes, path }) => nodes.map((node) => [node, path])));
  const compute = evaluator && constantComputer(prepared, model, evaluator);
  options.logger?.progress?.({ step: "read weights", done: 0 });
  const found = await collectWeights({
    prepared,
    scopeOf: (node) => paths.get(node) ?? "",
    compute,
    progress: (done, total) => options.logger?.progress?.({ step: "read weights", done, total }),
  });
  options.logger?.progress?.({ step: "count costs", done: 0 });
  const weights = found.map(({ weight }) => weight);
  const costs = costsOf(prepared);
  const nodes = describeNodes(scopes, found, costs);
  const unknownMacs = nodes.filter(({ macs }) => macs === null).length;
  const macs = nodes.reduce((sum, node) => sum + (node.macs ?? 0), 0);
  return {
    irVersion: Number(model.irVersion ?? 0n),
    opsets: model.opsetImports.map(({ domain, version }) => ({
      domain: domainName(domain),
      version: Number(version ?? 0n),
    })),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "),
    functions: model.functions.length,
    inputs: fedInputs({ graph: sized }).map(describeValue),
    outputs: sized.outputs.map(describeValue),
    nodes,
    operators: describeOperators(nodes),
    weights,
    parameters: weights.reduce((sum, { elements }) => sum + elements, 0),
    parameterBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0),
    sparsity: sparsityOf(weights),
    externalTensors: [...nestedGraphs(model.graph)].reduce(
      (sum, { initializers }) => sum + initializers.filter(({ external }) => external).length,
      0,
    ),
    macs: unknownMacs > 0 && macs === 0 ? null : macs,
    unknownMacs,
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
  // It is unknown which codes mean zero if they were not unpacked.
  if (weights.some(({ stored, statistics }) => stored === "computed" && !statistics)) return null;
  const known = weights.filter(({ type, statistics }) => statistics && FLOATING.includes(type));
  const total = known.reduce((sum, { elements }) => sum + elements, 0);
  return total === 0
    ? null
    : known.reduce((sum, { statistics }) => sum + (statistics?.zeros ?? 0), 0) / total;
}

/** Computes values of the main graph of `model` that depend only on constants. */
function constantComputer(
  { editors }: PreparedModel,
  model: Model,
  evaluator: ConstantEvaluator,
): (name: string) => Promise<Tensor | undefined> {
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs));
  return async (name) => {
    // Values inside functions have no name outside.
    if (!editors[0]?.producer(name) || !made.has(name)) return undefined;
    const part = modelComputing(model, [name]);
    return (await evaluator.evaluate({ ...part, graph: { ...part.graph, inputs: [] } })).get(name);
  };
}
