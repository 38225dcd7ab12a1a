/** Decoded messages -> IR. Nothing is dropped: absent stays absent, unknown fields ride along. */
import { BadModelError } from "../errors.js";
import type { Attribute, FunctionDef, Graph, Model, Node, OpaqueMessage, OpsetImport, StringEntry, Tensor, TypeInfo, ValueInfo } from "../ir/index.js";
import { openExternal } from "./external-data.js";
import { readTensorType } from "./tensor-type.js";
import {
  present, toBigInt, toUnsignedBigInt,
  type WireAttribute, type WireEntry, type WireFunction, type WireGraph, type WireModel, type WireNode, type WireOpset, type WireTensor, type WireValueInfo,
} from "./wire.js";

/** What reading needs to know besides the message: the folder that external data must lie in. */
export interface ReadContext {
  readonly folder: string | undefined;
}

export function modelFromWire(wire: WireModel, context: ReadContext): Model {
  if (!wire.graph) throw new BadModelError("the model holds no graph; it is not an ONNX model or was cut off");
  return {
    ...present({
      irVersion: wire.irVersion === undefined ? undefined : toBigInt(wire.irVersion), producerName: own(wire, "producerName"),
      producerVersion: own(wire, "producerVersion"), domain: own(wire, "domain"),
      modelVersion: wire.modelVersion === undefined || !Object.hasOwn(wire, "modelVersion") ? undefined : toBigInt(wire.modelVersion),
      docString: own(wire, "docString"), metadata: entries(wire.metadataProps), unknownFields: wire.$unknowns,
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
    ...present({ name: own(wire, "name") }),
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
    ...present({ name: own(wire, "name"), domain: own(wire, "domain"), overload: own(wire, "overload") }),
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
      name: own(wire, "name"), domain: own(wire, "domain"), overload: own(wire, "overload"),
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
      type: own(wire, "type"), f: own(wire, "f"), i: Object.hasOwn(wire, "i") && wire.i !== undefined ? toBigInt(wire.i) : undefined, s: own(wire, "s"),
      t: wire.t ? tensorFromWire(wire.t, context) : undefined, g: wire.g ? graphFromWire(wire.g, context) : undefined,
      tp: Object.hasOwn(wire, "tp") && wire.tp ? typeFromWire(wire.tp) : undefined, floats: wire.floats, ints: wire.ints?.map(toBigInt), strings: wire.strings,
      tensors: wire.tensors?.map((tensor) => tensorFromWire(tensor, context)), graphs: wire.graphs?.map((graph) => graphFromWire(graph, context)),
      typeProtos: wire.typeProtos?.map(typeFromWire), sparseTensor: Object.hasOwn(wire, "sparseTensor") && wire.sparseTensor ? { bytes: wire.sparseTensor } : undefined,
      sparseTensors: opaque(wire.sparseTensors), refAttrName: own(wire, "refAttrName"), docString: own(wire, "docString"), unknownFields: wire.$unknowns,
    }),
  };
}

export function tensorFromWire(wire: WireTensor, context: ReadContext): Tensor {
  const typed = present({
    float: wire.floatData, int32: wire.int32Data, int64: wire.int64Data?.map(toBigInt), double: wire.doubleData,
    uint64: wire.uint64Data?.map(toUnsignedBigInt), string: wire.stringData,
  });
  const tensor: Tensor = {
    ...annotations(wire),
    ...present({
      name: own(wire, "name"), raw: own(wire, "rawData"), typed: Object.keys(typed).length > 0 ? typed : undefined,
      externalData: entries(wire.externalData), dataLocation: own(wire, "dataLocation"),
      segment: wire.segment && present({
        begin: wire.segment.begin === undefined ? undefined : toBigInt(wire.segment.begin),
        end: wire.segment.end === undefined ? undefined : toBigInt(wire.segment.end), unknownFields: wire.segment.$unknowns,
      }),
    }),
    dims: (wire.dims ?? []).map((dim) => Number(toBigInt(dim))),
    dataType: wire.dataType ?? 0,
  };
  const external = openExternal(tensor, context.folder);
  return external ? { ...tensor, external } : tensor;
}

function valueFromWire(wire: WireValueInfo): ValueInfo {
  return {
    ...annotations(wire),
    name: wire.name ?? "",
    ...present({ type: Object.hasOwn(wire, "type") && wire.type ? typeFromWire(wire.type) : undefined }),
  };
}

function typeFromWire(bytes: Uint8Array): TypeInfo {
  return { ...present({ tensor: readTensorType(bytes) }), encoded: { bytes } };
}

function opsetFromWire(wire: WireOpset): OpsetImport {
  return present({
    domain: own(wire, "domain"), version: wire.version === undefined || !Object.hasOwn(wire, "version") ? undefined : toBigInt(wire.version),
    unknownFields: wire.$unknowns,
  });
}

function annotations(wire: { docString?: string; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[] }) {
  return present({ docString: own(wire, "docString"), metadata: entries(wire.metadataProps), unknownFields: wire.$unknowns });
}

function entries(wire: WireEntry[] | undefined): StringEntry[] | undefined {
  return wire?.map((entry) => present({ key: own(entry, "key"), value: own(entry, "value"), unknownFields: entry.$unknowns }));
}

function opaque(list: readonly Uint8Array[] | undefined): OpaqueMessage[] {
  return (list ?? []).map((bytes) => ({ bytes }));
}

/** The property if the file holds it; protobufjs prototypes answer with defaults otherwise. */
function own<T extends object, K extends keyof T>(wire: T, key: K): T[K] | undefined {
  return Object.hasOwn(wire, key) ? wire[key] : undefined;
}
