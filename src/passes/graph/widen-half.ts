/**
 * widen-half: computes a float16 or bfloat16 model in float32.
 *
 * Before: x (float16) → Conv(W float16) → y (float16). After: x → Cast(float) → Conv(W float) → Cast(float16) →
 * y.
 *
 * int8 kernels read and write float32. onnxruntime's CPU provider has few float16 kernels and inserts casts
 * around all other operators, so the model does not become slower. encode-weights stores the remaining float
 * weights in 16 bits again, because every value fits. Model inputs and outputs keep their types. Results change
 * because intermediate values are no longer rounded to 16 bits.
 *
 * Handles every scope. Left alone: models with functions, operators of domains other than ONNX's and
 * onnxruntime's, sequences or optionals of such values, or bits reinterpreted as another type (BitCast).
 */
import {
  allNodes,
  type Attribute,
  attribute,
  DataType,
  floatTensor,
  type Graph,
  GraphEditor,
  intAttribute,
  isOp,
  makeNode,
  type Model,
  nestedGraphs,
  type Node,
  nodeLabel,
  type Tensor,
  toFloat32,
  type ValueInfo,
  operatorName,
  standardDomain,
} from "../../ir/index.js";
import { inferTypes } from "../../ops/shapes.js";
import type { PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";

const HALF: ReadonlySet<number> = new Set([DataType.FLOAT16, DataType.BFLOAT16]);
/** Attributes that name the element type of an output. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  "to",
  "dtype",
  "output_dtype",
  "output_datatype",
  "stash_type",
]);
const KNOWN_DOMAINS: ReadonlySet<string> = new Set(["", "ai.onnx.ml", "com.microsoft"]);

export const widenHalf = definePass<Record<string, never>>({
  name: "widen-half",
  description: "Compute a float16 or bfloat16 model in float32, as int8 kernels need it",
  lossy: true,
  defaults: {},
  run(model) {
    if (!computesInHalf(model)) return result(0, undefined);
    declareOutputs(model);
    const obstacle = obstacleIn(model);
    return obstacle === undefined ? result(widen(model), undefined) : result(0, obstacle);
  },
});

function result(widenedConstants: number, obstacle: string | undefined): PassResult {
  return {
    modified: obstacle === undefined && widenedConstants > 0,
    stats: { widenedConstants },
    nodes: [],
    diagnostics:
      obstacle === undefined
        ? []
        : [
            {
              id: "widen-half/stays",
              severity: "warning",
              message:
                "The model computes in 16-bit floats, which have no int8 kernels, and was not converted: " +
                `${obstacle}.`,
            },
          ],
  };
}

/** An output without a declared type must keep the one it has. */
function declareOutputs({ graph }: Model): void {
  if (graph.outputs.every(({ type }) => type)) return;
  const types = inferTypes(graph);
  for (const output of graph.outputs) {
    const tensor = output.type ? undefined : types.get(output.name);
    if (tensor && HALF.has(tensor.elementType)) output.type = { tensor: { elementType: tensor.elementType } };
  }
}

function isHalf(value: ValueInfo): boolean {
  return HALF.has(value.type?.tensor?.elementType ?? DataType.UNDEFINED);
}

/** Whether anything except Casts at inputs and outputs uses half precision; these remain after conversion. */
function computesInHalf(model: Model): boolean {
  const { graph } = model;
  const given = new Set([...graph.inputs, ...graph.outputs].filter(isHalf).map(({ name }) => name));
  const takesInput = (node: Node): boolean =>
    given.has(node.inputs[0] ?? "") && intAttribute(node, "to", 0) === DataType.FLOAT;
  const isBorder = (node: Node): boolean =>
    isOp(node, "Cast") && (given.has(node.outputs[0] ?? "") || takesInput(node));
  const inside: Graph = {
    ...graph,
    inputs: [],
    outputs: [],
    nodes: graph.nodes.filter((node) => !isBorder(node)),
    valueInfo: graph.valueInfo.filter(({ name }) => !given.has(name)),
  };
  if ([inside, ...nestedGraphs(graph)].some((each) => each !== graph && holdsHalf(each))) return true;
  const editor = GraphEditor.forMainGraph(model);
  const neighbours = [...given].flatMap((name) => [editor.producer(name), ...editor.consumers(name)]);
  return neighbours.some((node) => node && !isBorder(node));
}

function holdsHalf(graph: Graph): boolean {
  return (
    graph.initializers.some(({ dataType }) => HALF.has(dataType)) ||
    [...graph.inputs, ...graph.outputs, ...graph.valueInfo].some(isHalf) ||
    graph.nodes.some((node) => node.attributes.some(namesHalf))
  );
}

function namesHalf({ name, i, t }: Attribute): boolean {
  return (
    (TYPE_ATTRIBUTES.has(name) && i !== undefined && HALF.has(Number(i))) ||
    (t !== undefined && HALF.has(t.dataType))
  );
}

function obstacleIn(model: Model): string | undefined {
  if (model.functions.length > 0) return "it contains model-local functions";
  for (const node of allNodes(model)) {
    if (!KNOWN_DOMAINS.has(standardDomain(node.domain)))
      return `node "${nodeLabel(node)}" is the custom operator ${operatorName(node)}`;
    if (isOp(node, "BitCast")) return `node "${nodeLabel(node)}" reinterprets bits as another type`;
  }
  for (const graph of nestedGraphs(model.graph)) {
    const odd = [...graph.inputs, ...graph.outputs].find(({ type }) => type && !type.tensor);
    if (odd) return `"${odd.name}" is not a tensor`;
  }
  return undefined;
}

/** Returns the number of constants, inputs, outputs and attributes that had half precision. */
function widen(model: Model): number {
  let count = 0;
  for (const graph of nestedGraphs(model.graph)) {
    const isMain = graph === model.graph;
    const kept = isMain
      ? new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
      : new Set<string>();
    graph.initializers = graph.initializers.map((tensor) => {
      if (!HALF.has(tensor.dataType) || kept.has(tensor.name ?? "")) return tensor;
      count++;
      return floatOf(tensor);
    });
    for (const node of graph.nodes)
      for (const found of node.attributes.filter(namesHalf)) count += widenAttribute(found);
    for (const value of isMain ? graph.valueInfo : [...graph.inputs, ...graph.outputs, ...graph.valueInfo]) {
      if (isHalf(value)) value.type = { tensor: { ...value.type?.tensor, elementType: DataType.FLOAT } };
    }
  }
  return count + keepInterface(GraphEditor.forMainGraph(model));
}

function floatOf(tensor: Tensor): Tensor {
  return floatTensor(tensor.name ?? "", tensor.dims, toFloat32(tensor));
}

function widenAttribute(found: Attribute): number {
  if (found.t) found.t = floatOf(found.t);
  else found.i = BigInt(DataType.FLOAT);
  return 1;
}

/** Adds Casts at model inputs and outputs. Returns how many. */
function keepInterface(editor: GraphEditor): number {
  const { graph } = editor;
  const given = new Map(
    [...graph.inputs, ...graph.outputs].filter(isHalf).map((value) => [value.name, value]),
  );
  let count = 0;
  for (const { name, type } of given.values()) {
    const producer = editor.producer(name);
    if (!producer && editor.consumers(name).length === 0) continue;
    const wide = editor.uniqueName(`${name}_float`);
    editor.replaceUses(name, wide);
    if (producer) {
      editor.setOutput(producer, producer.outputs.indexOf(name), wide);
      editor.insertAfter(
        producer,
        makeNode(
          "Cast",
          [wide],
          [name],
          [attribute.int("to", type?.tensor?.elementType ?? DataType.FLOAT16)],
        ),
      );
    } else
      editor.insertBefore(
        graph.nodes[0],
        makeNode("Cast", [name], [wide], [attribute.int("to", DataType.FLOAT)]),
      );
    count++;
  }
  return count;
}
