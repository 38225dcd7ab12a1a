/** The constants of one graph by name, kept together with the graph's own list. */
import type { Graph } from "./graph.js";
import type { Tensor } from "./tensor.js";

export class ConstantList {
  private readonly tensors = new Map<string, Tensor>();
  /** Positions in the graph's list, built when the first constant is replaced. */
  private readonly places = new Map<string, number>();

  constructor(private readonly graph: Graph) {
    for (const tensor of graph.initializers) this.tensors.set(tensor.name ?? "", tensor);
  }

  get(name: string): Tensor | undefined {
    return this.tensors.get(name);
  }

  add(tensor: Tensor): void {
    const name = tensor.name ?? "";
    this.graph.initializers.push(tensor);
    this.tensors.set(name, tensor);
    // Without this, all positions would be rebuilt for each constant that is added and then replaced.
    if (this.places.size > 0) this.places.set(name, this.graph.initializers.length - 1);
  }

  /** Replaces the constant of the same name. Returns false if the graph has none. */
  replace(tensor: Tensor): boolean {
    const name = tensor.name ?? "";
    const at = this.placeOf(name);
    if (at === undefined) return false;
    this.graph.initializers[at] = tensor;
    this.tensors.set(name, tensor);
    return true;
  }

  remove(names: ReadonlySet<string>): void {
    this.graph.initializers = this.graph.initializers.filter((t) => !names.has(t.name ?? ""));
    for (const name of names) this.tensors.delete(name);
  }

  /** The position in the graph's list. If the list was changed elsewhere, all positions are rebuilt. */
  private placeOf(name: string): number | undefined {
    if (!this.tensors.has(name)) return undefined;
    const { initializers } = this.graph;
    const known = this.places.get(name);
    if (known !== undefined && initializers[known]?.name === name) return known;
    this.places.clear();
    initializers.forEach((tensor, at) => this.places.set(tensor.name ?? "", at));
    return this.places.get(name);
  }
}
