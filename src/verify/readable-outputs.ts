/**
 * Tensors that stand for outputs which onnxruntime's JavaScript API cannot return: sequences, maps, optional values,
 * and tensors of a type that JavaScript lacks. Where what makes such an output shows what is in it, those tensors stand
 * for it one by one; else a sequence or optional value of tensors is joined to one flat tensor.
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

/** An output that is looked at through others. */
export interface IndirectOutput {
  readonly output: string;
  /** "a sequence of float tensors". */
  readonly type: string;
  /** The tensors that stand for it, by the names that figures bear; empty where none could be found. */
  readonly standIns: readonly string[];
}

export interface ReadableModel {
  /** The model as it was, with outputs more. */
  readonly model: Model;
  /** All that can be read, stand-ins included. */
  readonly outputs: readonly string[];
  readonly indirect: readonly IndirectOutput[];
}

/**
 * The model itself where all of its outputs can be read. Otherwise a copy with those that stand in beside its outputs;
 * without tensors of a type that JavaScript lacks, as the package does not load a model that gives them out.
 */
export function readableOutputs(model: Model): ReadableModel {
  const { graph } = model;
  const nonTensors = nonTensorValues(graph);
  const unreadable = graph.outputs.filter((output) => nonTensors.has(output.name) || !isReadableTensor(output));
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
  return { model: finder.result(), outputs: [...direct, ...indirect.flatMap(({ standIns }) => standIns)], indirect };
}

/** Whether the runtime loads the model as it is. */
export function isLoadable({ graph }: Model): boolean {
  return graph.outputs.every(isReadableTensor);
}

function isReadableTensor({ type }: ValueInfo): boolean {
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

  /** The names that were given out; none when a value of the model bears one of them already. */
  standFor(output: ValueInfo): string[] {
    const found =
      (this.nonTensors.has(output.name) ? this.partsOf(output.name) : undefined) ?? this.unpackedParts(output);
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

  /** What went into the value; undefined when its maker does not show that. */
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
    if (isOp(node, "SplitToSequence")) return [{ suffix: ".whole", value: data, nodes: [] }, ...this.sizes(second)];
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

  /** Sizes that are constants are the same in both models. */
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
