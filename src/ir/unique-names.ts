/** The names used in a model, and generation of new ones. */
import type { Node } from "./graph.js";
import type { Model } from "./model.js";
import type { Tensor } from "./tensor.js";
import { nodeLists } from "./traverse.js";
import type { ValueInfo } from "./value.js";

export class UniqueNames {
  private readonly taken = new Set<string>();
  /** The number to try first for each stem; names are never released, so lower ones stay in use. */
  private readonly next = new Map<string, number>();

  add(name: string): void {
    this.taken.add(name);
  }

  /** `stem`, or the first unused name of `stem_1`, `stem_2`, …; reserves it. */
  make(stem: string): string {
    let name = stem;
    let k = this.next.get(stem) ?? 0;
    if (k > 0) name = `${stem}_${k}`;
    for (; this.taken.has(name); name = `${stem}_${k}`) k++;
    this.next.set(stem, k);
    this.taken.add(name);
    return name;
  }
}

/** All names of nodes and values in the model, its bodies and functions. */
export function namesOf(model: Model): UniqueNames {
  const names = new UniqueNames();
  for (const scope of nodeLists(model)) collectNames(scope, names);
  return names;
}

function collectNames(
  scope: { nodes: Node[]; inputs: readonly (ValueInfo | string)[]; initializers?: Tensor[] },
  names: UniqueNames,
): void {
  for (const input of scope.inputs) names.add(typeof input === "string" ? input : input.name);
  for (const tensor of scope.initializers ?? []) names.add(tensor.name ?? "");
  for (const node of scope.nodes) {
    if (node.name) names.add(node.name);
    for (const output of node.outputs) names.add(output);
  }
}
