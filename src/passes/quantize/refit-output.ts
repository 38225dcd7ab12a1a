/**
 * refit-output: refits the last fully connected layer, so that it produces its original outputs from its
 * present inputs.
 *
 *   min over W, b of  E‖W x̂ + b − z‖² + λ ‖W − W₀‖²      x̂: its inputs in the model as it is, z: its
 *   outputs before
 *
 * The closed form of distilling the last layer from the outputs of the model before lossy passes, without
 * labels. The model runs over the calibration data together with these outputs, and returns only second
 * moments. Handles a Gemm, and a matrix product with an added bias, in float or in int8; scales stay the same.
 * Layers with more than 2,048 inputs and outputs together are left alone.
 */
import { EdgecError } from "../../errors.js";
import {
  GraphEditor,
  type Model,
  nodeLabel,
  attribute,
  copyModel,
  DataType,
  makeNode,
  tensorValue,
} from "../../ir/index.js";
import type { GramRequest } from "../../numeric/statistics.js";
import { withCompute } from "../compute.js";
import type { PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { type DenseLayer, lastDenseLayer } from "../../layers/dense-layer.js";

export interface RefitOutputOptions {
  /** λ, relative to the mean variance of the inputs. */
  readonly ridge: number;
  /** Most calibration samples to use. */
  readonly samples: number;
}

const MOST = 2048;
const NOTHING: PassResult = { modified: false, stats: {}, nodes: [], diagnostics: [] };

export const refitOutput = definePass<RefitOutputOptions>({
  name: "refit-output",
  description:
    "Refit the last fully connected layer to the original outputs, in closed form and without labels",
  lossy: true,
  defaults: { ridge: 0.02, samples: 512 },
  validate: ({ ridge }) => {
    if (!(ridge > 0 && Number.isFinite(ridge)))
      throw new EdgecError("BAD_OPTION", `ridge must be a positive number, not ${ridge}.`);
  },
  run: refit,
});

async function refit(
  model: Model,
  { ridge, samples }: RefitOutputOptions,
  context: PassContext,
): Promise<PassResult> {
  const { reference, measure, compute } = withCompute(context);
  const layer = reference && measure ? lastDenseLayer(GraphEditor.forMainGraph(model)) : undefined;
  if (!reference || !measure || !layer || layer.inputs + layer.outputs > MOST) return NOTHING;
  if (!reference.graph.nodes.some(({ outputs }) => outputs.includes(layer.output))) return NOTHING;
  const beside = besideModel(model, layer.input);
  const request: GramRequest = { kind: "gram", tensor: beside.tensor, layout: { type: "lastAxis" } };
  const given = { input: beside.input, model: reference, tensor: layer.output };
  const gram = (await measure(beside.model, [request], { samples, given })).get(request);
  if (gram?.size !== layer.inputs + layer.outputs) return NOTHING;
  const mean = gram.means[0]!;
  const moments = {
    inputs: layer.inputs,
    outputs: layer.outputs,
    matrix: gram.matrices[0]!.slice(),
    mean: mean.slice(),
  };
  const fitted = await compute.run(
    "refitLinear",
    { weights: layer.weights(), bias: layer.bias() },
    moments,
    ridge,
  );
  if (!fitted) return NOTHING;
  layer.replaceWeights(fitted.weights);
  layer.shiftBias(centring(layer, mean));
  const name = {
    name: nodeLabel(layer.node),
    opType: layer.node.opType,
    status: "changed" as const,
    reason: "refitted to its outputs before lossy passes",
  };
  return { modified: true, stats: { refitLayers: 1 }, nodes: [name], diagnostics: [] };
}

/** The change of the bias that restores the outputs' means, given the rounded weights. */
function centring(layer: DenseLayer, mean: Float64Array): Float64Array {
  const { inputs, outputs } = layer;
  const [rows, current] = [layer.weights(), layer.bias()];
  return Float64Array.from({ length: outputs }, (_, o) => {
    let made = current[o]!;
    for (let i = 0; i < inputs; i++) made += rows[o * inputs + i]! * mean[i]!;
    return mean[inputs + o]! - made;
  });
}

interface BesideModel {
  readonly model: Model;
  /** The new float input; it must fit `inner` in all axes except the last. */
  readonly input: string;
  /** `inner` and the input, concatenated along the last axis. */
  readonly tensor: string;
}

/** @param inner a tensor of the main graph */
function besideModel(model: Model, inner: string): BesideModel {
  const copy = copyModel(model);
  const editor = GraphEditor.forMainGraph(copy);
  const [input, tensor] = [editor.uniqueName("given"), editor.uniqueName("pair")];
  copy.graph.inputs.push(tensorValue(input, DataType.FLOAT));
  editor.insertBefore(undefined, makeNode("Concat", [inner, input], [tensor], [attribute.int("axis", -1)]));
  return { model: copy, input, tensor };
}
