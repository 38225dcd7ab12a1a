/**
 * Lifts tensors of the bodies of If, Loop and Scan to the main graph, where calibration can request them.
 * Each becomes one flat output with the values of all executions of the body:
 *
 * - If: the branch that runs gives its values, the other an empty tensor.
 * - Loop: a carried sequence collects the values of each iteration; they are joined after the Loop. Unlike a
 *   scan output, a sequence allows the number of values to change, as with an If inside.
 * - Scan: a scan output, because a state of Scan cannot be a sequence. Each iteration must give equally many
 *   values.
 *
 * Nested bodies are handled level by level. If or Loop inside Scan cannot be reached, because the number of
 * their values varies.
 */
import {
  attribute,
  bindsName,
  bodiesOf,
  DataType,
  floatTensor,
  getAttribute,
  GraphEditor,
  int64Tensor,
  isOp,
  makeNode,
  opsetVersion,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type Tensor,
} from "../ir/index.js";

export interface InnerTensor {
  /** See `GraphEditor.scope`. */
  readonly scope: readonly string[];
  /** A name that the body computes, or captures from outside. */
  readonly tensor: string;
  /** Name in the main graph. No other value of the model may have it. */
  readonly output: string;
  /**
   * Keeps one of this many values. From 2 on, each execution also adds its minimum and maximum, so that the
   * range is always exact.
   */
  readonly step: number;
}

/**
 * What an output holds: the values as float, whatever their type, or, as int64, how many values each
 * execution would give.
 */
export type InnerMeasure = "values" | "counts";

/** Oldest operator set in which Loop carries sequences. */
const SEQUENCE_OPSET = 13;

/** Whether `exposeInner` can lift the tensor. */
export function isInnerTensor(model: Model, scope: readonly string[], tensor: string): boolean {
  if (opsetVersion(model) < SEQUENCE_OPSET || tensor === "") return false;
  let graph = model.graph;
  let isBound = bindsName(graph, tensor);
  let insideScan = false;
  for (let at = 0; at < scope.length; at += 2) {
    const found = bodyAt(graph, scope[at]!, scope[at + 1]!);
    if (!found || !(insideScan ? isOp(found.node, "Scan") : isOp(found.node, "If", "Loop", "Scan")))
      return false;
    if (!isOp(found.node, "If") && scope[at + 1] !== "body") return false;
    insideScan = isOp(found.node, "Scan");
    graph = found.body;
    isBound ||= bindsName(graph, tensor);
  }
  return isBound;
}

function bodyAt(
  graph: Graph,
  output: string,
  attributeName: string,
): { node: Node; body: Graph } | undefined {
  for (const node of graph.nodes) {
    const found = bodiesOf(node).find(
      ({ path }) => path[0] !== "" && path[0] === output && path[1] === attributeName,
    );
    if (found) return { node, body: found.body };
  }
  return undefined;
}

/** A copy of the model whose main graph has the `output` of each tensor. All must satisfy `isInnerTensor`. */
export function exposeInner(model: Model, tensors: readonly InnerTensor[], measure: InnerMeasure): Model {
  if (tensors.length === 0) return model;
  const lift = new Lift(GraphEditor.forMainGraph(model), measure);
  const graph = lift.into(model.graph, tensors);
  return { ...model, graph: { ...graph, initializers: [...graph.initializers, ...lift.constants] } };
}

class Lift {
  /** Constants for the main graph; the bodies capture them. */
  readonly constants: readonly Tensor[];
  private readonly empty: string;
  private readonly flat: string;

  constructor(
    private readonly editor: GraphEditor,
    private readonly measure: InnerMeasure,
  ) {
    this.empty = this.fresh("empty");
    this.flat = this.fresh("flat");
    const none =
      measure === "values" ? floatTensor(this.empty, [0], new Float32Array()) : int64Tensor(this.empty, []);
    this.constants = [none, int64Tensor(this.flat, [-1])];
  }

  /** The graph with a value `output` for each tensor; scopes are relative to the graph. */
  into(graph: Graph, tensors: readonly InnerTensor[]): Graph {
    const nodes = graph.nodes.flatMap((node) => {
      const place = bodiesOf(node)[0]?.path[0];
      const inside = place === undefined ? [] : tensors.filter(({ scope }) => scope[0] === place);
      return inside.length > 0 ? this.around(node, inside) : [node];
    });
    const own = tensors.filter(({ scope }) => scope.length === 0);
    return { ...graph, nodes: [...nodes, ...own.flatMap((tensor) => this.leaf(tensor))] };
  }

  private leaf({ tensor, output, step }: InnerTensor): Node[] {
    const count = this.fresh("count");
    if (this.measure === "counts")
      return [makeNode("Size", [tensor], [count]), makeNode("Reshape", [count, this.flat], [output])];
    const [real, all] = [this.fresh("real"), this.fresh("all")];
    const flatten = [
      makeNode("Cast", [tensor], [real], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Reshape", [real, this.flat], [step > 1 ? all : output]),
    ];
    return step > 1 ? [...flatten, ...this.thinned(all, output, step)] : flatten;
  }

  private thinned(all: string, output: string, step: number): Node[] {
    const bounds = { start: 0, end: Number.MAX_SAFE_INTEGER, axis: 0, step };
    const constants = Object.entries(bounds).map(([name, value]) => {
      const constant = this.fresh(name);
      return makeNode("Constant", [], [constant], [attribute.tensor("value", int64Tensor("", [value]))]);
    });
    const [some, least, greatest] = [this.fresh("some"), this.fresh("least"), this.fresh("greatest")];
    return [
      ...constants,
      makeNode("Slice", [all, ...constants.map((node) => node.outputs[0]!)], [some]),
      makeNode("ReduceMin", [all], [least]),
      makeNode("ReduceMax", [all], [greatest]),
      makeNode("Concat", [some, least, greatest], [output], [attribute.int("axis", 0)]),
    ];
  }

  /**
   * The node with one more output for each tensor of its bodies, and the nodes needed before and after it.
   */
  private around(node: Node, tensors: readonly InnerTensor[]): Node[] {
    const lifted = {
      ...node,
      inputs: [...node.inputs],
      outputs: this.allOutputs(node),
      attributes: [...node.attributes],
    };
    if (isOp(node, "If")) return this.aroundIf(lifted, tensors);
    return isOp(node, "Loop") ? this.aroundLoop(lifted, tensors) : this.aroundScan(lifted, tensors);
  }

  private aroundIf(node: Node, tensors: readonly InnerTensor[]): Node[] {
    node.attributes = node.attributes.map((branch) => {
      if (!branch.g) return branch;
      const inside = tensors.filter(({ scope }) => scope[1] === branch.name);
      const { body, outputs } = this.body(branch.g, inside);
      const made = new Map(inside.map(({ output }, k) => [output, outputs[k]!]));
      const others = tensors
        .filter(({ output }) => !made.has(output))
        .map(({ output }) => {
          const nothing = this.fresh("nothing");
          body.nodes.push(makeNode("Identity", [this.empty], [nothing]));
          return [output, nothing] as const;
        });
      const all = new Map([...made, ...others]);
      return {
        ...branch,
        g: {
          ...body,
          outputs: [...body.outputs, ...tensors.map(({ output }) => ({ name: all.get(output)! }))],
        },
      };
    });
    node.outputs.push(...tensors.map(({ output }) => output));
    return [node];
  }

  private aroundLoop(node: Node, tensors: readonly InnerTensor[]): Node[] {
    const start = this.fresh("start");
    while (node.inputs.length < 2) node.inputs.push("");
    const carried = node.inputs.length - 2;
    const joined: Node[] = [];
    const { body, outputs } = this.body(bodyOf(node), tensors);
    const grown = tensors.map(({ output }, k) => {
      const [before, after, all] = [this.fresh("before"), this.fresh("after"), this.fresh("rounds")];
      body.inputs = [...body.inputs, { name: before }];
      body.nodes.push(makeNode("SequenceInsert", [before, outputs[k]!], [after]));
      node.inputs.push(start);
      node.outputs.splice(carried + k, 0, all);
      joined.push(makeNode("ConcatFromSequence", [all], [output], [attribute.int("axis", 0)]));
      return { name: after };
    });
    body.outputs = [...body.outputs.slice(0, 1 + carried), ...grown, ...body.outputs.slice(1 + carried)];
    setBody(node, body);
    return [makeNode("SequenceConstruct", [this.empty], [start]), node, ...joined];
  }

  private aroundScan(node: Node, tensors: readonly InnerTensor[]): Node[] {
    const { body, outputs } = this.body(bodyOf(node), tensors);
    body.outputs = [...body.outputs, ...outputs.map((name) => ({ name }))];
    setBody(node, body);
    const scans = tensors.map(() => this.fresh("rounds"));
    node.outputs.push(...scans);
    node.attributes = node.attributes.map((found) =>
      isPerScanOutput(found) ? { ...found, ints: [...(found.ints ?? []), ...scans.map(() => 0n)] } : found,
    );
    return [node, ...tensors.map(({ output }, k) => makeNode("Reshape", [scans[k]!, this.flat], [output]))];
  }

  /** A copy of a body that outputs the tensors, and their names in it. */
  private body(graph: Graph, tensors: readonly InnerTensor[]): { body: Graph; outputs: string[] } {
    const inside = tensors.map((tensor) => ({
      ...tensor,
      scope: tensor.scope.slice(2),
      output: this.fresh("inner"),
    }));
    return { body: this.into(graph, inside), outputs: inside.map(({ output }) => output) };
  }

  /** All outputs of the node, including those it leaves out, since its bodies fill them. */
  private allOutputs(node: Node): string[] {
    const { body } = bodiesOf(node)[0]!;
    const count = body.outputs.length - (isOp(node, "Loop") ? 1 : 0);
    return Array.from({ length: count }, (_, k) =>
      (node.outputs[k] ?? "") === "" ? this.fresh("unused") : node.outputs[k]!,
    );
  }

  private fresh(stem: string): string {
    return this.editor.uniqueName(`calibration_${stem}`);
  }
}

function bodyOf(node: Node): Graph {
  return getAttribute(node, "body")!.g!;
}

function setBody(node: Node, body: Graph): void {
  node.attributes = node.attributes.map((found) => (found.name === "body" ? { ...found, g: body } : found));
}

function isPerScanOutput({ name }: Attribute): boolean {
  return name === "scan_output_axes" || name === "scan_output_directions";
}
