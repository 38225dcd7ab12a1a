/**
 * Turns decoded messages into the IR. Nothing is dropped: absent stays absent, and unknown fields are kept.
 */
import { BadModelError } from "../errors.js";
import type {
  Attribute,
  ByteSource,
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
import { openExternal, type ModelPlace } from "./external-data.js";
import { readTensorType } from "./tensor-type.js";
import { typedFromWire } from "./typed-data.js";
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

/** Further input for reading a message. */
export interface ReadContext extends ModelPlace {
  /**
   * Places of tensor bytes that were cut out of the message, by the position of the byte left in their place.
   */
  readonly cut?: ReadonlyMap<number, ByteSource>;
}

export function modelFromWire(wire: WireModel, context: ReadContext): Model {
  if (!wire.graph)
    throw new BadModelError("the model has no graph. It is not an ONNX model, or the file is truncated.");
  return {
    ...present({
      irVersion: wire.irVersion,
      producerName: wire.producerName,
      producerVersion: wire.producerVersion,
      domain: wire.domain,
      modelVersion: wire.modelVersion,
      docString: wire.docString,
      metadata: entries(wire.metadataProps),
      unknownFields: wire.$unknowns,
    }),
    opsetImports: (wire.opsetImport ?? []).map(opsetFromWire),
    graph: graphFromWire(wire.graph, context),
    functions: (wire.functions ?? []).map((fn) => functionFromWire(fn, context)),
    trainingInfo: opaque(wire.trainingInfo),
    deviceConfigurations: opaque(wire.configuration),
  };
}

function graphFromWire(wire: WireGraph, context: ReadContext): Graph {
  return {
    ...annotations(wire),
    ...present({ name: wire.name }),
    nodes: (wire.node ?? []).map((node) => nodeFromWire(node, context)),
    initializers: (wire.initializer ?? []).map((tensor) => tensorFromWire(tensor, context)),
    sparseInitializers: opaque(wire.sparseInitializer),
    inputs: (wire.input ?? []).map(valueFromWire),
    outputs: (wire.output ?? []).map(valueFromWire),
    valueInfo: (wire.valueInfo ?? []).map(valueFromWire),
    quantizationAnnotations: opaque(wire.quantizationAnnotation),
  };
}

function functionFromWire(wire: WireFunction, context: ReadContext): FunctionDef {
  return {
    ...annotations(wire),
    ...present({ name: wire.name, domain: wire.domain, overload: wire.overload }),
    inputs: wire.input ?? [],
    outputs: wire.output ?? [],
    attributeNames: wire.attribute ?? [],
    attributeDefaults: (wire.attributeProto ?? []).map((attribute) => attributeFromWire(attribute, context)),
    nodes: (wire.node ?? []).map((node) => nodeFromWire(node, context)),
    opsetImports: (wire.opsetImport ?? []).map(opsetFromWire),
    valueInfo: (wire.valueInfo ?? []).map(valueFromWire),
  };
}

function nodeFromWire(wire: WireNode, context: ReadContext): Node {
  return {
    ...annotations(wire),
    ...present({
      name: wire.name,
      domain: wire.domain,
      overload: wire.overload,
      deviceConfigurations: wire.deviceConfigurations?.length ? opaque(wire.deviceConfigurations) : undefined,
    }),
    opType: wire.opType ?? "",
    inputs: wire.input ?? [],
    outputs: wire.output ?? [],
    attributes: (wire.attribute ?? []).map((attribute) => attributeFromWire(attribute, context)),
  };
}

function attributeFromWire(wire: WireAttribute, context: ReadContext): Attribute {
  return {
    name: wire.name ?? "",
    ...present({
      type: wire.type,
      f: wire.f,
      i: wire.i,
      s: wire.s,
      t: wire.t && tensorFromWire(wire.t, context),
      g: wire.g && graphFromWire(wire.g, context),
      tp: wire.tp && typeFromWire(wire.tp),
      floats: wire.floats,
      ints: wire.ints,
      strings: wire.strings,
      tensors: wire.tensors?.map((tensor) => tensorFromWire(tensor, context)),
      graphs: wire.graphs?.map((graph) => graphFromWire(graph, context)),
      typeProtos: wire.typeProtos?.map(typeFromWire),
      sparseTensor: wire.sparseTensor && { bytes: wire.sparseTensor },
      sparseTensors: opaque(wire.sparseTensors),
      refAttrName: wire.refAttrName,
      docString: wire.docString,
      unknownFields: wire.$unknowns,
    }),
  };
}

export function tensorFromWire(wire: WireTensor, context: ReadContext): Tensor {
  const { typed, unknownFields } = typedFromWire(wire);
  const { begin, end, $unknowns } = wire.segment ?? {};
  const raw = wire.rawData instanceof Uint8Array ? wire.rawData : undefined;
  const lazy = raw && context.cut?.get(raw.byteOffset);
  const tensor: Tensor = {
    ...present({
      name: wire.name,
      raw: lazy ? undefined : raw,
      lazy,
      typed,
      externalData: entries(wire.externalData),
      dataLocation: wire.dataLocation,
      segment: wire.segment && present({ begin, end, unknownFields: $unknowns }),
      docString: wire.docString,
      metadata: entries(wire.metadataProps),
      unknownFields,
    }),
    dims: (wire.dims ?? []).map((dim) => exactDimension(dim, wire.name)),
    dataType: wire.dataType ?? 0,
  };
  const external = openExternal(tensor, context);
  return external ? { ...tensor, external } : tensor;
}

/**
 * Dimensions are numbers in the IR. A dimension that a number cannot hold exactly is too large for any
 * tensor.
 */
function exactDimension(dim: bigint, tensor: string | undefined): number {
  if (BigInt.asIntN(53, dim) !== dim)
    throw new BadModelError(`tensor "${tensor ?? ""}" has a dimension of ${dim}, more than can be addressed`);
  return Number(dim);
}

function valueFromWire(wire: WireValueInfo): ValueInfo {
  return {
    ...annotations(wire),
    name: wire.name ?? "",
    ...present({ type: wire.type && typeFromWire(wire.type) }),
  };
}

function typeFromWire(bytes: Uint8Array): TypeInfo {
  return { ...present({ tensor: readTensorType(bytes) }), encoded: { bytes } };
}

function opsetFromWire(wire: WireOpset): OpsetImport {
  return present({ domain: wire.domain, version: wire.version, unknownFields: wire.$unknowns });
}

function annotations(wire: { docString?: string; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[] }) {
  return present({
    docString: wire.docString,
    metadata: entries(wire.metadataProps),
    unknownFields: wire.$unknowns,
  });
}

function entries(wire: WireEntry[] | undefined): StringEntry[] | undefined {
  return wire?.map((entry) =>
    present({ key: entry.key, value: entry.value, unknownFields: entry.$unknowns }),
  );
}

function opaque(list: readonly Uint8Array[] | undefined): OpaqueMessage[] {
  return (list ?? []).map((bytes) => ({ bytes }));
}
