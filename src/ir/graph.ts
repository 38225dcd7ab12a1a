/** A graph: nodes in topological order over named values, with its constants and declarations. */
import type { Annotated } from "./annotations.js";
import type { Node } from "./node.js";
import type { Tensor } from "./tensor.js";
import type { OpaqueMessage, ValueInfo } from "./value.js";

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

export function emptyGraph(name?: string): Graph {
  return {
    ...(name === undefined ? {} : { name }),
    nodes: [], initializers: [], sparseInitializers: [], inputs: [], outputs: [], valueInfo: [], quantizationAnnotations: [],
  };
}
