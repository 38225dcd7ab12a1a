/** How a file holds a constant in fewer bytes than its values take: the nodes that compute it from others. */
import { createHash } from "node:crypto";
import type { Node } from "./node.js";
import { tensorPieces, type Tensor } from "./tensor.js";

export interface StoredForm {
  /** The value's name when it was unpacked. */
  readonly name: string;
  /** What it is known by: its type, shape and values. Passes rename, copy and merge constants. */
  readonly key: string;
  /** Version of the standard operator set that the nodes are of. */
  readonly opset: number;
  /** In order; the last one makes the value. */
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** Equal for constants that hold the same bytes in the same type and shape. */
export function contentKey(tensor: Tensor): string {
  const hash = createHash("sha256");
  for (const piece of tensorPieces(tensor)) hash.update(piece);
  return `${shapeKey(tensor)} ${hash.digest("base64")}`;
}

/** The part of `contentKey` that takes no reading of values. */
export function shapeKey({ dataType, dims }: Pick<Tensor, "dataType" | "dims">): string {
  return `${dataType} [${dims.join()}]`;
}
