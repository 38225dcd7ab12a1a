/** Which operators take a constant as an input, in the bodies of its users too. */
import { bindsName, subgraphsOf, type Node } from "../../ir/index.js";

export interface DirectUse {
  readonly node: Node;
  /** Of the input that the constant is. */
  readonly index: number;
}

/**
 * In node order. torch.jit.script leaves the weights of layers in a Loop or If in the graph around it, so
 * that the only user there is the Loop, which does not show the operator.
 * @param users nodes that take `name` as an input or capture it
 */
export function* directUses(name: string, users: readonly Node[]): Generator<DirectUse> {
  for (const node of users) {
    for (const [index, input] of node.inputs.entries()) if (input === name) yield { node, index };
    for (const body of subgraphsOf(node)) if (!bindsName(body, name)) yield* directUses(name, body.nodes);
  }
}
