/** Expands calls of model-local functions for constant folding. */
import {
  callBody,
  functionKey,
  type GraphEditor,
  isOp,
  isStandard,
  type Model,
  type Node,
  opsetVersion,
  subgraphsOf,
  standardDomain,
} from "../../ir/index.js";

/** Decoding chains have about twenty nodes; functions that call functions multiply. */
const MAX_NODES = 256;

/**
 * Expands calls whose bodies are standard operators of the model's own operator set, without bodies of
 * their own.
 */
export class CallBodies {
  private readonly functions: ReadonlyMap<string, Model["functions"][number]>;
  private readonly known = new Map<Node, readonly Node[] | undefined>();

  constructor(model: Model) {
    const opset = opsetVersion(model);
    const isAlike = ({ domain, version = 0n }: { domain?: string; version?: bigint }): boolean =>
      standardDomain(domain) === "" ? Number(version) === opset : true;
    this.functions = new Map(
      model.functions
        .filter(({ opsetImports }) => opsetImports.every(isAlike))
        .map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]),
    );
  }

  /**
   * The call's nodes, under names that are free in the editor's graph; undefined if the node is not such a
   * call.
   */
  of(node: Node, editor: GraphEditor): readonly Node[] | undefined {
    if (isStandard(node) || this.functions.size === 0) return undefined;
    if (!this.known.has(node)) this.known.set(node, this.expand(node, editor));
    return this.known.get(node);
  }

  private expand(call: Node, editor: GraphEditor): Node[] | undefined {
    const nodes: Node[] = [];
    const waiting = [call];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      if (nodes.length + waiting.length > MAX_NODES) return undefined;
      const callee = this.functions.get(functionKey(node.domain, node.opType, node.overload));
      if (callee && callee.nodes.length > MAX_NODES) return undefined;
      if (callee) waiting.push(...callBody(node, callee, (name) => editor.uniqueName(name)).reverse());
      else if (!isStandard(node) || subgraphsOf(node).length > 0 || isOp(node, "Constant")) return undefined;
      else nodes.push(node);
    }
    return nodes;
  }
}
