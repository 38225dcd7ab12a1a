/** IR -> messages ready to encode. The mirror of from-wire.ts. */
import type { Annotated, Attribute, FunctionDef, Graph, Model, Node, OpaqueMessage, OpsetImport, StringEntry, Tensor, TypeInfo, ValueInfo } from "../ir/index.js";
import { writeTensorType } from "./tensor-type.js";
import {
  fromBigInt, present,
  type WireAttribute, type WireEntry, type WireFunction, type WireGraph, type WireModel, type WireNode, type WireOpset, type WireTensor, type WireValueInfo,
} from "./wire.js";

export function modelToWire(model: Model): WireModel {
  return present<WireModel>({
    irVersion: model.irVersion === undefined ? undefined : fromBigInt(model.irVersion), opsetImport: model.opsetImports.map(opsetToWire),
    producerName: model.producerName, producerVersion: model.producerVersion, domain: model.domain,
    modelVersion: model.modelVersion === undefined ? undefined : fromBigInt(model.modelVersion), docString: model.docString,
    graph: graphToWire(model.graph), metadataProps: entries(model.metadata), trainingInfo: bytesOf(model.trainingInfo),
    functions: model.functions.map(functionToWire), configuration: bytesOf(model.deviceConfigurations), $unknowns: unknowns(model),
  });
}

export function graphToWire(graph: Graph): WireGraph {
  return present<WireGraph>({
    node: graph.nodes.map(nodeToWire), name: graph.name, initializer: graph.initializers.map(tensorToWire), sparseInitializer: bytesOf(graph.sparseInitializers),
    docString: graph.docString, input: graph.inputs.map(valueToWire), output: graph.outputs.map(valueToWire), valueInfo: graph.valueInfo.map(valueToWire),
    quantizationAnnotation: bytesOf(graph.quantizationAnnotations), metadataProps: entries(graph.metadata), $unknowns: unknowns(graph),
  });
}

function functionToWire(fn: FunctionDef): WireFunction {
  return present<WireFunction>({
    name: fn.name, input: fn.inputs, output: fn.outputs, attribute: fn.attributeNames, attributeProto: fn.attributeDefaults.map(attributeToWire),
    node: fn.nodes.map(nodeToWire), docString: fn.docString, opsetImport: fn.opsetImports.map(opsetToWire), domain: fn.domain, overload: fn.overload,
    valueInfo: fn.valueInfo.map(valueToWire), metadataProps: entries(fn.metadata), $unknowns: unknowns(fn),
  });
}

function nodeToWire(node: Node): WireNode {
  return present<WireNode>({
    input: node.inputs, output: node.outputs, name: node.name, opType: node.opType, domain: node.domain, overload: node.overload,
    attribute: node.attributes.map(attributeToWire), docString: node.docString, metadataProps: entries(node.metadata),
    deviceConfigurations: node.deviceConfigurations && bytesOf(node.deviceConfigurations), $unknowns: unknowns(node),
  });
}

function attributeToWire(a: Attribute): WireAttribute {
  return present<WireAttribute>({
    name: a.name, refAttrName: a.refAttrName, docString: a.docString, type: a.type, f: a.f, i: a.i === undefined ? undefined : fromBigInt(a.i), s: a.s,
    t: a.t && tensorToWire(a.t), g: a.g && graphToWire(a.g), sparseTensor: a.sparseTensor?.bytes, tp: a.tp && typeToWire(a.tp), floats: a.floats,
    ints: a.ints?.map(fromBigInt), strings: a.strings, tensors: a.tensors?.map(tensorToWire), graphs: a.graphs?.map(graphToWire),
    sparseTensors: a.sparseTensors && bytesOf(a.sparseTensors), typeProtos: a.typeProtos?.map(typeToWire), $unknowns: unknowns(a),
  });
}

export function tensorToWire(tensor: Tensor): WireTensor {
  return present<WireTensor>({
    dims: tensor.dims.map((dim) => fromBigInt(BigInt(dim))), dataType: tensor.dataType, segment: tensor.segment && present({
      begin: tensor.segment.begin === undefined ? undefined : fromBigInt(tensor.segment.begin),
      end: tensor.segment.end === undefined ? undefined : fromBigInt(tensor.segment.end), $unknowns: unknowns(tensor.segment),
    }),
    floatData: list(tensor.typed?.float), int32Data: list(tensor.typed?.int32), stringData: list(tensor.typed?.string),
    int64Data: tensor.typed?.int64?.map(fromBigInt), name: tensor.name, docString: tensor.docString, rawData: tensor.raw,
    externalData: entries(tensor.externalData), dataLocation: tensor.dataLocation, doubleData: list(tensor.typed?.double),
    uint64Data: tensor.typed?.uint64?.map(fromBigInt), metadataProps: entries(tensor.metadata), $unknowns: unknowns(tensor),
  });
}

function valueToWire(value: ValueInfo): WireValueInfo {
  return present<WireValueInfo>({
    name: value.name, type: value.type && typeToWire(value.type), docString: value.docString, metadataProps: entries(value.metadata), $unknowns: unknowns(value),
  });
}

function typeToWire(type: TypeInfo): Uint8Array {
  return type.encoded?.bytes ?? (type.tensor ? writeTensorType(type.tensor) : new Uint8Array());
}

function opsetToWire(opset: OpsetImport): WireOpset {
  return present<WireOpset>({ domain: opset.domain, version: opset.version === undefined ? undefined : fromBigInt(opset.version), $unknowns: unknowns(opset) });
}

function entries(list: readonly StringEntry[] | undefined): WireEntry[] | undefined {
  return list?.map((entry) => present<WireEntry>({ key: entry.key, value: entry.value, $unknowns: unknowns(entry) }));
}

function bytesOf(list: readonly OpaqueMessage[]): Uint8Array[] {
  return list.map((message) => message.bytes);
}

function unknowns(of: Pick<Annotated, "unknownFields">): Uint8Array[] | undefined {
  return list(of.unknownFields);
}

function list<T>(values: readonly T[] | undefined): T[] | undefined {
  return values as T[] | undefined;
}
