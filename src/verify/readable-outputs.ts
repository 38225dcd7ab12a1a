/**
 * Finds tensors in place of outputs that onnxruntime's JavaScript API cannot return: sequences, maps,
 * optional values, and tensors of a type that JavaScript lacks. If the node that makes such an output shows
 * its parts, those are read one by one; otherwise a sequence or optional value of tensors is joined into one
 * flat tensor.
 */
import {
  DataType,
  GraphEditor,
  isDeclaredOtherwise,
  isOp,
  makeNode,
  nonTensorValues,
  attribute,
  type Model,
  type Node,
  type ValueInfo,
} from "../ir/index.js";
import { heldTensors, typeWords } from "../onnx/index.js";
import { isReadableType } from "../runtime/index.js";
import { unpacked, type StandIn } from "./unpack-outputs.js";

/** An output that is read through other tensors. */
export interface IndirectOutput {
  readonly output: string;
  /** "a sequence of float tensors". */
  readonly type: string;
  /** The tensors read in its place, by the names used in figures; empty if none could be found. */
  readonly standIns: readonly string[];
}

export interface ReadableModel {
  /** The model, with more outputs. */
  readonly model: Model;
  /** All readable outputs, including stand-ins. */
  readonly outputs: readonly string[];
  readonly indirect: readonly IndirectOutput[];
}

/**
 * The model itself if all of its outputs can be read. Otherwise a copy with stand-ins as further outputs, and
 * without outputs of types that JavaScript lacks, since the package refuses to load such a model.
 */
export function readableOutputs(model: Model): ReadableModel {
  const { graph } = model;
  const nonTensors = nonTensorValues(graph);
  const unreadable = graph.outputs.filter((output) => !isReadableOutput(output, nonTensors));
  const direct = graph.outputs
    .map(({ name }) => name)
    .filter((name) => !unreadable.some((output) => output.name === name));
  if (unreadable.length === 0) return { model, outputs: direct, indirect: [] };
  const finder = new StandInFinder(model, nonTensors);
  const indirect = unreadable.map((output) => ({
    output: output.name,
    type: wordsOf(output),
    standIns: finder.standFor(output),
  }));
  return {
    model: finder.result(),
    outputs: [...direct, ...indirect.flatMap(({ standIns }) => standIns)],
    indirect,
  };
}

/** @param nonTensors the values of the graph that are no tensors */
export function isReadableOutput(output: ValueInfo, nonTensors: ReadonlySet<string>): boolean {
  return !nonTensors.has(output.name) && isReadableTensor(output);
}

/** Whether the runtime can load a model with such an output. */
export function isReadableTensor({ type }: ValueInfo): boolean {
  return !type?.tensor || isReadableType(type.tensor.elementType);
}

function wordsOf(output: ValueInfo): string {
  return output.type ? typeWords(output.type) : "no tensor";
}

class StandInFinder {
  private readonly editor: GraphEditor;
  private readonly nodes: Node[] = [];
  private readonly outputs: ValueInfo[] = [];

  constructor(
    private readonly model: Model,
    private readonly nonTensors: ReadonlySet<string>,
  ) {
    this.editor = GraphEditor.forMainGraph(model);
  }

  /**
   * Adds stand-ins for an output and returns their names; none if a value of the model already has one of
   * these names.
   */
  standFor(output: ValueInfo): string[] {
    const found =
      (this.nonTensors.has(output.name) ? this.partsOf(output.name) : undefined) ??
      this.unpackedParts(output);
    const names = found.map(({ suffix }) => `${output.name}${suffix}`);
    if (new Set(names).size < names.length || names.some((name) => this.isTaken(name))) return [];
    for (const [k, { nodes, value, cast = false }] of found.entries()) {
      const name = names[k]!;
      this.nodes.push(
        ...nodes,
        cast
          ? makeNode("Cast", [value], [name], [attribute.int("to", DataType.FLOAT)])
          : makeNode("Identity", [value], [name]),
      );
      this.outputs.push({ name });
    }
    return names;
  }

  result(): Model {
    const { graph } = this.model;
    return {
      ...this.model,
      graph: {
        ...graph,
        nodes: [...graph.nodes, ...this.nodes],
        outputs: [...graph.outputs.filter(isReadableTensor), ...this.outputs],
      },
    };
  }

  /** The parts of the value; undefined if its producer does not show them. */
  private partsOf(name: string): StandIn[] | undefined {
    if (!this.nonTensors.has(name)) return [{ suffix: "", value: name, nodes: [] }];
    const node = this.editor.producer(name);
    if (!node) return undefined;
    const [data = "", second = "", position = ""] = node.inputs;
    if (isOp(node, "Identity")) return this.partsOf(data);
    if (node.domain === "ai.onnx.ml" && node.opType === "ZipMap")
      return [{ suffix: ".values", value: data, nodes: [] }];
    if (isOp(node, "SequenceConstruct")) return numbered(node.inputs);
    if (isOp(node, "SequenceEmpty")) return [];
    if (isOp(node, "SequenceInsert")) return position === "" ? this.appended(data, second) : undefined;
    if (isOp(node, "SplitToSequence"))
      return [{ suffix: ".whole", value: data, nodes: [] }, ...this.sizes(second)];
    if (isOp(node, "Optional")) return data === "" ? [] : this.held(data);
    return undefined;
  }

  private appended(sequence: string, value: string): StandIn[] | undefined {
    const before = this.partsOf(sequence);
    return before?.every(({ suffix }) => /^\[\d+\]$/.test(suffix)) === true
      ? numbered([...before.map((part) => part.value), value])
      : undefined;
  }

  private held(value: string): StandIn[] | undefined {
    return this.partsOf(value)?.map((part) => (part.suffix === "" ? { ...part, suffix: ".value" } : part));
  }

  /** Skips constant sizes, which are the same in both models. */
  private sizes(name: string): StandIn[] {
    return name === "" || this.editor.constant(name) ? [] : [{ suffix: ".sizes", value: name, nodes: [] }];
  }

  private unpackedParts({ name, type }: ValueInfo): StandIn[] {
    if (type?.tensor) return [{ suffix: ".float", value: name, nodes: [], cast: true }];
    const held = type && isDeclaredOtherwise({ type }) ? heldTensors(type) : undefined;
    return held ? unpacked(this.model, name, held, (stem) => this.editor.uniqueName(stem)) : [];
  }

  private isTaken(name: string): boolean {
    return this.editor.uniqueName(name) !== name || this.outputs.some((output) => output.name === name);
  }
}

function numbered(values: readonly string[]): StandIn[] {
  return values.map((value, k) => ({ suffix: `[${k}]`, value, nodes: [] }));
}
