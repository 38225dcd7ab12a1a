/**
 * IR -> bytes, as a list of chunks. Weights are never copied: the bytes of the main graph's initializers pass
 * through as views between the encoded fields around them, so memory does not grow with the model.
 */
import protobuf from "protobufjs/light.js";
import type { Graph, Model, Tensor } from "../ir/index.js";
import { encodeMessage } from "./schema.js";
import { graphToWire, modelToWire, tensorToWire } from "./to-wire.js";
import type { WireGraph, WireModel, WireTensor } from "./wire.js";

/** Tensors below this many bytes are encoded whole; splicing them would cost more than it saves. */
const SPLICE_FROM = 4096;

const FIELD = { modelGraph: 7, graphInitializer: 5, tensorRaw: 9 } as const;

/** Encodes the model; joining the chunks gives the file. */
export function encodeModel(model: Model): Uint8Array[] {
  const wire = modelToWire({ ...model, graph: { ...model.graph, initializers: [] } });
  const before = pick(wire, ["irVersion", "producerName", "producerVersion", "domain", "modelVersion", "docString"]);
  const after = pick(wire, ["opsetImport", "metadataProps", "trainingInfo", "functions", "configuration", "$unknowns"]);
  const graph = encodeGraph(model.graph);
  return [encodeMessage("ModelProto", before), header(FIELD.modelGraph, totalLength(graph)), ...graph, encodeMessage("ModelProto", after)];
}

/** Encodes the model into one array. */
export function encodeModelBytes(model: Model): Uint8Array {
  return Buffer.concat(encodeModel(model));
}

export function totalLength(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

function encodeGraph(graph: Graph): Uint8Array[] {
  const wire: WireGraph = graphToWire({ ...graph, initializers: [] });
  const { node, name, ...after } = wire;
  const chunks = [encodeMessage("GraphProto", { ...(node ? { node } : {}), ...(name === undefined ? {} : { name }) })];
  for (const tensor of graph.initializers) {
    const body = encodeTensor(tensor);
    chunks.push(header(FIELD.graphInitializer, totalLength(body)), ...body);
  }
  chunks.push(encodeMessage("GraphProto", after));
  return chunks;
}

function encodeTensor(tensor: Tensor): Uint8Array[] {
  const wire: WireTensor = tensorToWire(tensor);
  if (!tensor.raw || tensor.raw.byteLength < SPLICE_FROM) return [encodeMessage("TensorProto", wire)];
  const before = pick(wire, ["dims", "dataType", "segment", "floatData", "int32Data", "stringData", "int64Data", "name"]);
  const after = pick(wire, ["docString", "externalData", "dataLocation", "doubleData", "uint64Data", "metadataProps", "$unknowns"]);
  return [encodeMessage("TensorProto", before), header(FIELD.tensorRaw, tensor.raw.byteLength), tensor.raw, encodeMessage("TensorProto", after)];
}

/** Tag and length of a length-delimited field. Lengths of 4 GB and more do not fit a protobuf message. */
function header(field: number, length: number): Uint8Array {
  return protobuf.Writer.create().uint32((field << 3) | 2).uint32(length).finish();
}

function pick<T extends WireModel | WireTensor>(wire: T, keys: readonly (keyof T)[]): Partial<T> {
  const result: Partial<T> = {};
  for (const key of keys) if (key in wire) result[key] = wire[key];
  return result;
}
