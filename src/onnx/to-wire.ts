/** Turns the IR into messages to encode. The mirror of from-wire.ts. */
import type {
  Annotated,
  Attribute,
  FunctionDef,
  Graph,
  Model,
  Node,
  OpaqueMessage,
  OpsetImport,
  StringEntry,
  Tensor,
  TypeInfo,
  ValueInfo,
} from "../ir/index.js";
import { EXTERNAL } from "./external-data.js";
import { writeTensorType } from "./tensor-type.js";
import { typedToWire } from "./typed-data.js";
import {
  present,
  type WireAttribute,
  type WireEntry,
  type WireFunction,
  type WireGraph,
  type WireModel,
  type WireNode,
  type WireOpset,
  type WireTensor,
  type WireValueInfo,
} from "./wire.js";

/** Tensors to write in place of others, for example when their bytes move to another file. */
export type Substitutes = ReadonlyMap<Tensor, Tensor>;

export function modelToWire(model: Model, substitutes: Substitutes): WireModel {
  return new Encoder(substitutes).model(model);
}

class Encoder {
  constructor(private readonly substitutes: Substitutes) {}

  model(model: Model): WireModel {
    return present<WireModel>({
      irVersion: model.irVersion,
      opsetImport: model.opsetImports.map(opsetToWire),
      producerName: model.producerName,
      producerVersion: model.producerVersion,
      domain: model.domain,
      modelVersion: model.modelVersion,
      docString: model.docString,
      graph: this.graph(model.graph),
      metadataProps: entries(model.metadata),
      trainingInfo: bytesOf(model.trainingInfo),
      functions: model.functions.map((fn) => this.function(fn)),
      configuration: bytesOf(model.deviceConfigurations),
      $unknowns: unknowns(model),
    });
  }

  private graph(graph: Graph): WireGraph {
    return present<WireGraph>({
      node: graph.nodes.map((node) => this.node(node)),
      name: graph.name,
      initializer: graph.initializers.map((tensor) => this.tensor(tensor)),
      sparseInitializer: bytesOf(graph.sparseInitializers),
      docString: graph.docString,
      input: graph.inputs.map(valueToWire),
      output: graph.outputs.map(valueToWire),
      valueInfo: graph.valueInfo.map(valueToWire),
      quantizationAnnotation: bytesOf(graph.quantizationAnnotations),
      metadataProps: entries(graph.metadata),
      $unknowns: unknowns(graph),
    });
  }

  private function(fn: FunctionDef): WireFunction {
    return present<WireFunction>({
      name: fn.name,
      input: fn.inputs,
      output: fn.outputs,
      attribute: fn.attributeNames,
      attributeProto: fn.attributeDefaults.map((attribute) => this.attribute(attribute)),
      node: fn.nodes.map((node) => this.node(node)),
      docString: fn.docString,
      opsetImport: fn.opsetImports.map(opsetToWire),
      domain: fn.domain,
      overload: fn.overload,
      valueInfo: fn.valueInfo.map(valueToWire),
      metadataProps: entries(fn.metadata),
      $unknowns: unknowns(fn),
    });
  }

  private node(node: Node): WireNode {
    return present<WireNode>({
      input: node.inputs,
      output: node.outputs,
      name: node.name,
      opType: named(node.opType),
      domain: node.domain,
      overload: node.overload,
      attribute: node.attributes.map((attribute) => this.attribute(attribute)),
      docString: node.docString,
      metadataProps: entries(node.metadata),
      deviceConfigurations: node.deviceConfigurations && bytesOf(node.deviceConfigurations),
      $unknowns: unknowns(node),
    });
  }

  private attribute(a: Attribute): WireAttribute {
    return present<WireAttribute>({
      name: named(a.name),
      refAttrName: a.refAttrName,
      docString: a.docString,
      type: a.type,
      f: a.f,
      i: a.i,
      s: a.s,
      t: a.t && this.tensor(a.t),
      g: a.g && this.graph(a.g),
      sparseTensor: a.sparseTensor?.bytes,
      tp: a.tp && typeToWire(a.tp),
      floats: a.floats,
      ints: a.ints,
      strings: a.strings,
      tensors: a.tensors?.map((tensor) => this.tensor(tensor)),
      graphs: a.graphs?.map((graph) => this.graph(graph)),
      sparseTensors: a.sparseTensors && bytesOf(a.sparseTensors),
      typeProtos: a.typeProtos?.map(typeToWire),
      $unknowns: unknowns(a),
    });
  }

  private tensor(original: Tensor): WireTensor {
    const tensor = this.substitutes.get(original) ?? original;
    const { $unknowns: unpacked = [], ...typed } = typedToWire(
      (tensor.raw ?? tensor.lazy) ? undefined : tensor.typed,
    );
    const { begin, end } = tensor.segment ?? {};
    return present<WireTensor>({
      dims: tensor.dims.map(BigInt),
      dataType: tensor.dataType === 0 ? undefined : tensor.dataType,
      name: tensor.name,
      docString: tensor.docString,
      segment: tensor.segment && present({ begin, end, $unknowns: unknowns(tensor.segment) }),
      rawData: tensor.raw ?? tensor.lazy,
      metadataProps: entries(tensor.metadata),
      $unknowns: [...unpacked, ...(tensor.unknownFields ?? [])],
      ...locationOf(tensor),
      ...typed,
    });
  }
}

/** An external tensor that got its own values must no longer point to its old file. */
function locationOf(tensor: Tensor): Pick<WireTensor, "externalData" | "dataLocation"> {
  const inline = tensor.raw !== undefined || tensor.lazy !== undefined || tensor.typed !== undefined;
  if (inline && tensor.dataLocation === EXTERNAL) return {};
  return present({ externalData: entries(tensor.externalData), dataLocation: tensor.dataLocation });
}

function valueToWire(value: ValueInfo): WireValueInfo {
  return present<WireValueInfo>({
    name: named(value.name),
    type: value.type && typeToWire(value.type),
    docString: value.docString,
    metadataProps: entries(value.metadata),
    $unknowns: unknowns(value),
  });
}

function typeToWire(type: TypeInfo): Uint8Array {
  return type.encoded?.bytes ?? (type.tensor ? writeTensorType(type.tensor) : new Uint8Array());
}

function opsetToWire(opset: OpsetImport): WireOpset {
  return present<WireOpset>({ domain: opset.domain, version: opset.version, $unknowns: unknowns(opset) });
}

function entries(list: readonly StringEntry[] | undefined): WireEntry[] | undefined {
  return list?.map((entry) =>
    present<WireEntry>({ key: entry.key, value: entry.value, $unknowns: unknowns(entry) }),
  );
}

function bytesOf(list: readonly OpaqueMessage[]): Uint8Array[] {
  return list.map((message) => message.bytes);
}

function unknowns(of: Pick<Annotated, "unknownFields">): Uint8Array[] | undefined {
  return of.unknownFields && [...of.unknownFields];
}

/** The IR has "" for a name that the file leaves out. */
function named(name: string): string | undefined {
  return name === "" ? undefined : name;
}
