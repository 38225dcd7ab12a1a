/** Bodies of functions in the place of their calls, with one copy of what the functions hold. */
import {
  callBody,
  type FunctionDef,
  getAttribute,
  isOp,
  type Node,
  storedByteLength,
  type Tensor,
} from "../../ir/index.js";

/** Constants from so many bytes on are not repeated by every call. */
export const LARGE = 64;

/**
 * The function's large constants by the names that they have in it; a constant that it hands out is made by each call.
 */
function largeConstants({ nodes, outputs }: FunctionDef): Map<string, Tensor> {
  return new Map(
    nodes.flatMap((node) => {
      const [name = ""] = node.outputs;
      const tensor = isOp(node, "Constant") && !outputs.includes(name) ? getAttribute(node, "value")?.t : undefined;
      return tensor && storedByteLength(tensor) >= LARGE ? [[name, tensor] as const] : [];
    }),
  );
}

/**
 * Puts bodies into one graph. All calls there share the large constants that the functions hold, as the file stores
 * them once.
 */
export class BodyConstants {
  /** The name of each in the graph. */
  private readonly held = new Map<Tensor, string>();
  /** Outputs of the Constants that are there. */
  private readonly made = new Set<string>();

  constructor(private readonly uniqueName: (stem: string) => string) {}

  inline(call: Node, callee: FunctionDef): Node[] {
    const constants = largeConstants(callee);
    const body = callBody(call, callee, (name) => {
      const tensor = constants.get(name);
      const shared = tensor && this.held.get(tensor);
      if (shared !== undefined) return shared;
      const fresh = this.uniqueName(name);
      if (tensor) this.held.set(tensor, fresh);
      return fresh;
    });
    return body.filter((node) => {
      const [name = ""] = node.outputs;
      if (!isOp(node, "Constant")) return true;
      const isRepeated = this.made.has(name);
      this.made.add(name);
      return !isRepeated;
    });
  }
}
