export * from "./annotations.js";
export * from "./attribute.js";
export * from "./call-body.js";
export * from "./lazy-bytes.js";
export * from "./copy.js";
export * from "./data-type.js";
export { NameWatch, removedBy, withDerivedNames } from "./provenance.js";
export * from "./editor.js";
export { EditBatch } from "./edit-batch.js";
export * from "./feed.js";
export * from "./graph.js";
export * from "./half.js";
export * from "./model.js";
export * from "./node.js";
export { domainName, operatorName, standardDomain } from "./operator-set.js";
export { isDeclaredOtherwise, nonTensorValues } from "./non-tensors.js";
export {
  elementCount,
  externalRange,
  storedByteLength,
  tensorBytes,
  tensorPieces,
  tensorSource,
  type ExternalSource,
  type Tensor,
  type TypedData,
} from "./tensor.js";
export * from "./tensor-values.js";
export * from "./traverse.js";
export * from "./value.js";
export { parseModel } from "./parse/model.js";
export { printGraph, printModel, type PrintOptions } from "./print.js";
export { assertValid, refuseProblems, validateModel, type Problem } from "./validate.js";
export { sortNodes, topologicalOrder } from "./topological-order.js";
export { contentKey, shapeKey, type StoredForm } from "./stored-form.js";
