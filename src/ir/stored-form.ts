/** A compact form of a constant in a file: the nodes that compute it from smaller constants. */
import { createHash } from "node:crypto";
import { tensorPieces, type Tensor } from "./tensor.js";
import type { Node } from "./graph.js";

export interface StoredForm {
  /** The value's name at the time of unpacking. */
  readonly name: string;
  /** Identifies the constant by type, shape and values, because passes rename, copy and merge constants. */
  readonly key: string;
  /** Version of the standard operator set that the nodes use. */
  readonly opset: number;
  /** In order; the last one produces the value. */
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** Equal for constants with the same bytes, type and shape. */
export function contentKey(tensor: Tensor): string {
  const hash = createHash("sha256");
  for (const piece of tensorPieces(tensor)) hash.update(piece);
  return `${shapeKey(tensor)} ${hash.digest("base64")}`;
}

/** The part of `contentKey` that does not need the values. */
export function shapeKey({ dataType, dims }: Pick<Tensor, "dataType" | "dims">): string {
  return `${dataType} [${dims.join()}]`;
}
