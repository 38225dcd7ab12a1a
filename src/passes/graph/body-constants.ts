/** Puts function bodies in place of their calls, with one copy of the constants that the functions hold. */
import {
  callBody,
  type FunctionDef,
  getAttribute,
  isOp,
  type Node,
  storedByteLength,
  type Tensor,
} from "../../ir/index.js";

/** Constants of at least this many bytes are not repeated for every call. */
export const LARGE = 64;

/**
 * The function's large constants by their names in it. A constant that is a function output is created by each
 * call.
 */
function largeConstants({ nodes, outputs }: FunctionDef): Map<string, Tensor> {
  return new Map(
    nodes.flatMap((node) => {
      const [name = ""] = node.outputs;
      const tensor =
        isOp(node, "Constant") && !outputs.includes(name) ? getAttribute(node, "value")?.t : undefined;
      return tensor && storedByteLength(tensor) >= LARGE ? [[name, tensor] as const] : [];
    }),
  );
}

/**
 * Inlines bodies into one graph, where all calls share the functions' large constants, so that the file stores
 * them once.
 */
export class BodyConstants {
  /** The name of each constant in the graph. */
  private readonly held = new Map<Tensor, string>();
  /** Outputs of the Constant nodes already inserted. */
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
