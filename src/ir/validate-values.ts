/**
 * Checks constants and attributes: that constants fit their shapes, and that attribute values have the stated
 * kind.
 */
import { AttributeType } from "./attribute.js";
import { byteSize, DataType, dataTypeName } from "./data-type.js";
import { elementCount, type Tensor } from "./tensor.js";
import type { Attribute } from "./graph.js";

/** The problem with a constant, or undefined. Nothing is decoded or loaded. */
export function tensorFault(tensor: Tensor): string | undefined {
  const label = `tensor "${tensor.name ?? ""}" (${dataTypeName(tensor.dataType)} [${tensor.dims.join(", ")}])`;
  let count: number;
  try {
    count = elementCount(tensor);
  } catch (error) {
    return (error as Error).message;
  }
  if (tensor.dataType === DataType.UNDEFINED) return `${label} has no element type`;
  if ((tensor.raw ?? tensor.lazy) && tensor.dataType === DataType.STRING)
    return `${label} holds strings as raw bytes, which have no boundaries`;
  const bytes =
    tensor.raw?.byteLength ?? tensor.lazy?.length ?? (tensor.typed ? undefined : tensor.external?.length);
  if (bytes !== undefined) {
    const needed = byteSize(tensor.dataType, count);
    return needed === undefined || bytes === needed
      ? undefined
      : `${label} holds ${bytes} bytes where ${needed} are needed`;
  }
  if (tensor.external) return undefined;
  const entries = tensor.typed?.entries ?? listLength(tensor);
  const needed = entriesNeeded(tensor.dataType, count);
  return needed === undefined || entries === needed
    ? undefined
    : `${label} holds ${entries} values where ${needed} are needed`;
}

function listLength({ typed = {} }: Tensor): number {
  const { float, int32, int64, double, uint64, string } = typed;
  return [float, int32, int64, double, uint64, string].reduce((sum, list) => sum + (list?.length ?? 0), 0);
}

/** Entries of a typed list for `count` elements: complex numbers take two, types below a byte share one. */
function entriesNeeded(type: DataType, count: number): number | undefined {
  if (type === DataType.STRING) return count;
  if (type === DataType.COMPLEX64 || type === DataType.COMPLEX128) return 2 * count;
  const bytes = byteSize(type, count);
  return bytes === undefined ? undefined : Math.min(bytes, count);
}

type Kind = Exclude<keyof typeof AttributeType, "UNDEFINED">;

const VALUES: readonly (readonly [kind: Kind, key: keyof Attribute])[] = [
  ["FLOAT", "f"],
  ["INT", "i"],
  ["STRING", "s"],
  ["TENSOR", "t"],
  ["GRAPH", "g"],
  ["FLOATS", "floats"],
  ["INTS", "ints"],
  ["STRINGS", "strings"],
  ["TENSORS", "tensors"],
  ["GRAPHS", "graphs"],
  ["SPARSE_TENSOR", "sparseTensor"],
  ["SPARSE_TENSORS", "sparseTensors"],
  ["TYPE_PROTO", "tp"],
  ["TYPE_PROTOS", "typeProtos"],
];

/** Kinds whose value cannot be omitted from the file, unlike zero, the empty string and the empty list. */
const NEEDS_VALUE: ReadonlySet<Kind> = new Set<Kind>(["TENSOR", "GRAPH", "SPARSE_TENSOR", "TYPE_PROTO"]);

/** The problem with an attribute, or undefined. */
export function attributeFault(attribute: Attribute): string | undefined {
  const label = `attribute "${attribute.name}"`;
  if (attribute.name === "") return "an attribute has no name";
  const held = VALUES.filter(([, key]) => attribute[key] !== undefined);
  const stated = VALUES.find(([kind]) => AttributeType[kind] === attribute.type);
  if (attribute.type !== undefined && attribute.type !== AttributeType.UNDEFINED) {
    if (!stated) return `${label} has the unknown kind ${attribute.type}`;
    const other = held.find(([kind]) => kind !== stated[0]);
    if (other) return `${label} states the kind ${stated[0]} but holds a value of the kind ${other[0]}`;
    if (held.length === 0 && NEEDS_VALUE.has(stated[0]) && attribute.refAttrName === undefined)
      return `${label} of the kind ${stated[0]} has no value`;
  } else if (held.length > 1)
    return `${label} holds values of the kinds ${held.map(([kind]) => kind).join(" and ")}`;
  for (const tensor of [attribute.t, ...(attribute.tensors ?? [])]) {
    const fault = tensor && tensorFault(tensor);
    if (fault) return `${label}: ${fault}`;
  }
  return undefined;
}
