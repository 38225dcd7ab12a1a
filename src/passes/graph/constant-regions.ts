/**
 * The parts of a graph that depend only on constants: their nodes, their values, and what becomes unused once
 * the values are stored.
 */
import {
  GraphEditor,
  storedByteLength,
  type Model,
  type Node,
  type Tensor,
  type TensorType,
} from "../../ir/index.js";
import type { ConstantEvaluator } from "../contract.js";
import { nodeWireSize, tensorWireSize, writtenTensorSize } from "../encode/wire-size.js";
import type { CallBodies } from "./call-bodies.js";
import { constantModel } from "./constant-model.js";
import { partsOf, type ConstantPart } from "./constant-parts.js";
import { foldableNodes, type FoldBounds } from "./foldable.js";

export interface FoldTotals {
  nodesFolded: number;
  bytesAdded: number;
  bytesRemoved: number;
}

export type Values = ReadonlyMap<string, Tensor>;

/** Smaller constants occur in many places, so sharing one does not connect two regions. Bytes. */
const SMALL = 1024;
/** Most evaluations per round to find the node that the runtime cannot compute. */
const MAX_EVALUATIONS = 32;

/**
 * The nodes of one graph that constant folding may evaluate. Valid until something other than `store` changes
 * the graph.
 */
export class ConstantRegions {
  readonly nodes: readonly Node[];
  readonly types: ReadonlyMap<string, TensorType | undefined>;
  private readonly inside: ReadonlySet<Node>;
  /** The place of each node in `nodes`. */
  private readonly places: ReadonlyMap<Node, number>;
  /** The graph's own constants by name; a linear search for each node would be quadratic. */
  private readonly own: ReadonlyMap<string, Tensor>;
  private readonly calls: CallBodies;

  constructor(
    private readonly model: Model,
    readonly editor: GraphEditor,
    bounds: FoldBounds,
  ) {
    const { nodes, types } = foldableNodes(editor, bounds);
    this.nodes = nodes;
    this.types = types;
    this.calls = bounds.calls;
    this.inside = new Set(nodes);
    this.places = new Map(nodes.map((node, at) => [node, at]));
    this.own = new Map(editor.graph.initializers.map((tensor) => [tensor.name ?? "", tensor]));
  }

  /** Nodes whose result is used outside the region. */
  frontier(): Node[] {
    return this.nodes.filter((node) =>
      node.outputs.some((name) => this.editor.consumers(name).some((user) => !this.inside.has(user))),
    );
  }

  usedOutputs(node: Node): string[] {
    return node.outputs.filter((name) => name !== "" && this.editor.countConsumers(name) > 0);
  }

  /** The frontier, divided into parts that share no node and no large constant. */
  parts(frontier: readonly Node[]): ConstantPart[] {
    const sourceOf = (name: string): Node | Tensor | undefined => {
      const maker = this.makerOf(name);
      const constant = maker ? undefined : this.editor.constant(name);
      return maker ?? (constant && storedByteLength(constant) > SMALL ? constant : undefined);
    };
    return partsOf(this.nodes, frontier, sourceOf);
  }

  /** The node and all nodes that it depends on, in order, with calls expanded, and the constants that they read. */
  chainOf(node: Node): { readonly nodes: readonly Node[]; readonly constants: ReadonlyMap<string, Tensor> } {
    const needed = new Set([node]);
    const waiting = [node];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      for (const name of next.inputs) {
        const maker = this.makerOf(name);
        if (!maker || needed.has(maker)) continue;
        needed.add(maker);
        waiting.push(maker);
      }
    }
    // Sorted rather than picked out of all nodes: there may be as many chains as nodes.
    const nodes = [...needed]
      .sort((a, b) => (this.places.get(a) ?? 0) - (this.places.get(b) ?? 0))
      .flatMap((each) => this.calls.of(each, this.editor) ?? [each]);
    return { nodes, constants: this.constantsOf(nodes) };
  }

  constantsOf(nodes: Iterable<Node>): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const { inputs } of nodes) {
      for (const name of inputs) {
        const tensor = this.makerOf(name) ? undefined : this.editor.constant(name);
        if (tensor) found.set(name, tensor);
      }
    }
    return found;
  }

  /** Values of the used outputs; absent where the runtime cannot compute them. */
  async evaluate(nodes: readonly Node[], evaluator: ConstantEvaluator): Promise<Map<string, Tensor>> {
    const expanded = this.nodes.flatMap((node) => this.calls.of(node, this.editor) ?? [node]);
    const run = (some: readonly Node[]): Promise<Values> =>
      evaluator.evaluate(
        constantModel(
          this.model,
          this.editor,
          expanded,
          some.flatMap((node) => this.usedOutputs(node)),
        ),
      );
    return evaluateParts(nodes, run, { left: MAX_EVALUATIONS });
  }

  /** Bytes by which the file grows when the results of `ends` are stored; negative where it shrinks. */
  growth(ends: readonly Node[], values: Values): number {
    const gone = this.withSuperfluous(ends);
    let bytes = 0;
    for (const node of gone) bytes -= nodeWireSize(node);
    for (const tensor of this.constantsOnlyFor(gone)) bytes -= writtenTensorSize(tensor);
    for (const name of this.kept(ends, gone)) {
      const value = values.get(name);
      if (value) bytes += tensorWireSize({ ...value, name });
    }
    return bytes;
  }

  /** Stores the results of `ends` and removes what only they needed. */
  store(ends: readonly Node[], values: Values, totals: FoldTotals): void {
    const { editor } = this;
    const gone = this.withSuperfluous(ends);
    const names = this.kept(ends, gone);
    const freed = this.constantsOnlyFor(gone);
    for (const { inputs, outputs } of gone)
      for (const from of inputs) for (const name of outputs) editor.recordProvenance(from, name);
    editor.removeNodes(...gone);
    editor.removeInitializers(new Set(freed.map(({ name = "" }) => name)));
    for (const name of names) {
      const value = values.get(name);
      if (!value) continue;
      editor.addInitializer({ ...value, name });
      totals.bytesAdded += storedByteLength(value);
    }
    const made = new Set([...gone].flatMap(({ outputs }) => outputs));
    editor.graph.valueInfo = editor.graph.valueInfo.filter((value) => !made.has(value.name));
    totals.nodesFolded += gone.size;
    totals.bytesRemoved += freed.reduce((sum, tensor) => sum + storedByteLength(tensor), 0);
  }

  private makerOf(name: string): Node | undefined {
    const maker = this.editor.producer(name);
    return maker && this.inside.has(maker) ? maker : undefined;
  }

  /** Outputs of `ends` that a remaining node reads. */
  private kept(ends: readonly Node[], gone: ReadonlySet<Node>): string[] {
    return ends.flatMap(({ outputs }) =>
      outputs.filter((name) => name !== "" && this.editor.consumers(name).some((user) => !gone.has(user))),
    );
  }

  /** The nodes, and the foldable nodes that only they use. */
  private withSuperfluous(nodes: readonly Node[]): Set<Node> {
    const gone = new Set(nodes);
    const waiting = [...nodes];
    // The uses that are left. They are counted, because a walk through all users of a value whenever one of
    // them is removed is quadratic in their number.
    const uses = new Map<Node, number>();
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      for (const input of this.editor.usedNames(node)) {
        const maker = this.makerOf(input);
        if (!maker || gone.has(maker)) continue;
        const left = (uses.get(maker) ?? this.usesOf(maker)) - 1;
        uses.set(maker, left);
        if (left > 0) continue;
        gone.add(maker);
        waiting.push(maker);
      }
    }
    return gone;
  }

  private usesOf({ outputs }: Node): number {
    return outputs.reduce((sum, name) => sum + this.editor.countConsumers(name), 0);
  }

  /** Initializers of this graph whose every use is in `nodes`. */
  private constantsOnlyFor(nodes: ReadonlySet<Node>): Tensor[] {
    const { editor } = this;
    const names = new Set([...nodes].flatMap((node) => node.inputs));
    return [...names].flatMap((name) => {
      const tensor = editor.isOutput(name) || editor.input(name) ? undefined : this.own.get(name);
      return tensor && editor.consumers(name).every((user) => nodes.has(user)) ? [tensor] : [];
    });
  }
}

/** Evaluates all nodes at once and, if that fails, each half separately. */
async function evaluateParts(
  nodes: readonly Node[],
  evaluate: (nodes: readonly Node[]) => Promise<Values>,
  budget: { left: number },
): Promise<Map<string, Tensor>> {
  if (budget.left-- <= 0) return new Map();
  const values = new Map(await evaluate(nodes));
  if (values.size > 0 || nodes.length === 1) return values;
  const middle = nodes.length >> 1;
  const front = await evaluateParts(nodes.slice(0, middle), evaluate, budget);
  const back = await evaluateParts(nodes.slice(middle), evaluate, budget);
  return new Map([...front, ...back]);
}
