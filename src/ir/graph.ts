/**
 * A graph, its nodes and their attributes. The three are mutually recursive: an attribute may be a graph, which
 * has nodes.
 */
import type { Annotated } from "./annotations.js";
import type { Tensor } from "./tensor.js";
import type { OpaqueMessage, TypeInfo, ValueInfo } from "./value.js";

/** Nodes in topological order over named values, with constants and declarations. */
export interface Graph extends Annotated {
  name?: string;
  nodes: Node[];
  /** In file order; names are unique. Before IR version 4 they may also be graph inputs. */
  initializers: Tensor[];
  sparseInitializers: OpaqueMessage[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  valueInfo: ValueInfo[];
  quantizationAnnotations: OpaqueMessage[];
}

/** One operator call. Values are linked by name; an empty name is an omitted input or output. */
export interface Node extends Annotated {
  name?: string;
  opType: string;
  /** Absent or "" is the standard ONNX operator set. */
  domain?: string;
  overload?: string;
  inputs: string[];
  outputs: string[];
  attributes: Attribute[];
  /** Multi-device annotations, kept as they are. */
  deviceConfigurations?: OpaqueMessage[];
}

/** A named value of one of the schema's kinds. */
export interface Attribute {
  name: string;
  /** Absent in files older than IR version 3. */
  type?: number;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: Tensor;
  g?: Graph;
  tp?: TypeInfo;
  floats?: number[];
  ints?: bigint[];
  strings?: Uint8Array[];
  tensors?: Tensor[];
  graphs?: Graph[];
  typeProtos?: TypeInfo[];
  sparseTensor?: OpaqueMessage;
  sparseTensors?: OpaqueMessage[];
  /** In a function body: the attribute of the calling node that supplies the value. */
  refAttrName?: string;
  docString?: string;
  unknownFields?: readonly Uint8Array[];
}

export function emptyGraph(name?: string): Graph {
  return {
    ...(name === undefined ? {} : { name }),
    nodes: [],
    initializers: [],
    sparseInitializers: [],
    inputs: [],
    outputs: [],
    valueInfo: [],
    quantizationAnnotations: [],
  };
}
