/** Accounts for the bytes of a model. */
import {
  isOp,
  nodeLists,
  storedByteLength,
  type Annotated,
  type Attribute,
  type Model,
  type Tensor,
} from "../ir/index.js";
import type { FileParts } from "./inspection.js";

/**
 * @param fileBytes size of the model file, undefined for a model in memory; constants count by the bytes of
 *   their values
 */
export function fileParts(model: Model, fileBytes: number | undefined): FileParts {
  const parts = {
    initializers: 0,
    constantNodes: 0,
    attributes: 0,
    sparseInitializers: 0,
    external: 0,
    docStrings: 0,
    metadata: 0,
  };
  const annotate = ({ docString = "", metadata = [] }: Annotated): void => {
    parts.docStrings += Buffer.byteLength(docString);
    for (const { key = "", value = "" } of metadata)
      parts.metadata += Buffer.byteLength(key) + Buffer.byteLength(value);
  };
  const add = (tensor: Tensor, place: "initializers" | "constantNodes" | "attributes"): void => {
    annotate(tensor);
    parts[tensor.external ? "external" : place] += storedByteLength(tensor);
  };
  const addAttribute = (attribute: Attribute, place: "constantNodes" | "attributes"): void => {
    parts.docStrings += Buffer.byteLength(attribute.docString ?? "");
    for (const tensor of [attribute.t, ...(attribute.tensors ?? [])]) if (tensor) add(tensor, place);
    if (place === "constantNodes") parts.constantNodes += listBytes(attribute);
  };
  annotate(model);
  for (const list of nodeLists(model)) {
    annotate(list);
    for (const value of list.valueInfo) annotate(value);
    if ("initializers" in list) {
      for (const value of [...list.inputs, ...list.outputs]) annotate(value);
      for (const tensor of list.initializers) add(tensor, "initializers");
      parts.sparseInitializers += list.sparseInitializers.reduce(
        (sum, { bytes }) => sum + bytes.byteLength,
        0,
      );
    } else for (const attribute of list.attributeDefaults) addAttribute(attribute, "attributes");
    for (const node of list.nodes) {
      annotate(node);
      for (const attribute of node.attributes)
        addAttribute(attribute, isOp(node, "Constant") ? "constantNodes" : "attributes");
    }
  }
  const { external, ...inside } = parts;
  const known = Object.values(inside).reduce((sum, bytes) => sum + bytes, 0);
  // Integers in typed fields take fewer bytes in the file than their values, so the rest may be too small.
  return { ...inside, external, structure: fileBytes === undefined ? null : Math.max(0, fileBytes - known) };
}

/** A Constant node may hold plain lists instead of a tensor. */
function listBytes({ floats = [], ints = [], strings = [], s, sparseTensor }: Attribute): number {
  return (
    4 * floats.length +
    8 * ints.length +
    strings.reduce((sum, { byteLength }) => sum + byteLength, 0) +
    (s?.byteLength ?? 0) +
    (sparseTensor?.bytes.byteLength ?? 0)
  );
}
