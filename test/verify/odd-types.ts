/** Declarations of values that are no tensors. */
import { attribute, DataType, makeNode, type Node, type ValueInfo } from "../../src/ir/index.js";
import { encodeMessage } from "../../src/onnx/schema.js";

type Message = Record<string, unknown>;
export const tensorType = (elemType: number): Message => ({ tensorType: { elemType } });
export const encoded = (message: Message): Uint8Array => encodeMessage("TypeProto", message);
const sequenceOf = (inner: Message): Message => ({ sequenceType: { elemType: encoded(inner) } });
const optionalOf = (inner: Message): Message => ({ optionalType: { elemType: encoded(inner) } });
const mapTo = (keyType: number, inner: Message): Message => ({ mapType: { keyType, valueType: encoded(inner) } });

export function oddValue(name: string, message: Message): ValueInfo {
  return { name, type: { encoded: { bytes: encoded(message) } } };
}
export const floatSequence = (name: string): ValueInfo => oddValue(name, sequenceOf(tensorType(DataType.FLOAT)));
export const floatOptional = (name: string): ValueInfo => oddValue(name, optionalOf(tensorType(DataType.FLOAT)));
export const scoreMaps = (name: string): ValueInfo =>
  oddValue(name, sequenceOf(mapTo(DataType.INT64, tensorType(DataType.FLOAT))));

export const CLASSES = 4;

export function zipMap(scores: string, output: string): Node {
  const labels = Array.from({ length: CLASSES }, (_, k) => k);
  return {
    ...makeNode("ZipMap", [scores], [output], [attribute.ints("classlabels_int64s", labels)]),
    domain: "ai.onnx.ml",
  };
}
