/**
 * Lets onnxruntime decode the constants of a large model in stages, and free the memory of each before the next
 * begins.
 *
 * Folding keeps every result until it has walked the graph, and then repeats while something changed, up to ten
 * times. An input that is not known earlier defers a chain to a later round:
 *
 *   If(true) { DequantizeLinear(1) } ─▶ Abs ─▶ QuantizeLinear ─▶ Cast ─▶ 1
 *
 * A DequantizeLinear is only folded together with the QuantizeLinear behind it, which the branch of an If does
 * not contain; once the If is gone, the next round folds them. The If of each stage waits for the number of the
 * stage before, and so takes one more round. Chains read a shape or their packed words through a Reshape or a
 * Mul by that number, so they wait as well. Measured in onnxruntime 1.17.3, 1.30 and 1.32, and web 1.30: every
 * chain is folded, and the peak falls to that of the largest stage. At level disabled, the nodes of the stages
 * run at every inference with the chains, in microseconds.
 */
import {
  attribute,
  DataType,
  elementCount,
  emptyGraph,
  floatTensor,
  int64Tensor,
  integerTensor,
  makeNode,
  tensorValue,
  type GraphEditor,
  type Model,
  type Node,
  type Tensor,
} from "../../ir/index.js";
import { constantChains, type ConstantChain } from "./constant-chains.js";
import { FreeNames } from "./free-names.js";

/** There are ten rounds of folding; some are left for other changes of the graph. */
const MAX_STAGES = 8;
/** Below this, loading takes less memory than the runtime itself. Bytes held besides the constants. */
const WORTH_STAGES = 2 ** 25;
/** The memory that a stage may hold, as a share of the decoded constants. */
const SHARE_HELD = 0.3;
/** Results below this need not wait. Bytes. */
const SMALL = 2 ** 16;
const LIMITS = { worth: WORTH_STAGES, small: SMALL };

export interface StageCount {
  /** Rounds in which the chains are folded. */
  readonly stages: number;
  /** Bytes held besides the constants in the largest stage. */
  readonly held: number;
}

/** Spreads the chains of the main graph over stages if that reduces the memory of loading. */
export function stageChains(model: Model, editor: GraphEditor, limits = LIMITS): StageCount {
  const chains = constantChains(model, editor);
  const held = chains.reduce((sum, { cost }) => sum + cost.held, 0);
  const made = chains.reduce((sum, { cost }) => sum + (cost.made.at(-1) ?? 0), 0);
  const stages = Math.min(MAX_STAGES, chains.length, Math.ceil(held / (SHARE_HELD * made)));
  if (held < limits.worth || stages < 2) return { stages: 1, held };
  const builder = new StageBuilder(model, editor, limits.small);
  const perStage = new Array<number>(stages).fill(0);
  let before = 0;
  for (const chain of chains) {
    const stage = Math.min(stages - 1, Math.floor((before / held) * stages));
    before += chain.cost.held;
    perStage[stage] = (perStage[stage] ?? 0) + chain.cost.held;
    if (stage > 0) builder.putOff(chain, stage);
  }
  builder.insert();
  // One large chain may leave nothing for the last stage.
  while (perStage.at(-1) === 0) perStage.pop();
  return { stages: perStage.length, held: Math.max(...perStage) };
}

/** A stage's number 1, by the requested type. */
type Token = "bool" | "shape" | "flat";

class StageBuilder {
  private readonly names: FreeNames;
  private readonly nodes: Node[] = [];
  /** Values made before the chains, by their description. */
  private readonly known = new Map<string, string>();

  constructor(
    model: Model,
    private readonly editor: GraphEditor,
    private readonly small: number,
  ) {
    this.names = new FreeNames(model);
  }

  /** Makes each large first step of the chain wait for the stage. */
  putOff({ nodes, expanded, cost }: ConstantChain, stage: number): void {
    const waits = new Map<string, "words" | "shape">();
    for (const [index, node] of expanded.entries()) {
      const constants = node.inputs.map((name) => this.editor.constant(name));
      if ((cost.made[index] ?? 0) < this.small || !constants.every((tensor) => tensor !== undefined))
        continue;
      const isShape = node.opType === "ConstantOfShape";
      const tensor = isShape ? constants[0] : wordsOf(constants);
      if (tensor) waits.set(tensor.name ?? "", isShape ? "shape" : "words");
    }
    for (const node of nodes)
      for (const [index, name] of node.inputs.entries()) {
        const kind = waits.get(name);
        if (kind) this.editor.setInput(node, index, this.waiting(name, kind, stage));
      }
  }

  /** All nodes that were made; they go before all others. */
  insert(): void {
    this.editor.insertBefore(this.editor.graph.nodes[0], ...this.nodes);
  }

  /** The constant, which is known only from this stage on. */
  private waiting(name: string, kind: "words" | "shape", stage: number): string {
    return this.once(`${stage} ${kind} ${name}`, () => {
      if (kind === "shape") return this.op("Mul", [name, this.token(stage, "shape")]);
      const { dims } = this.editor.constant(name)!;
      if (dims.length === 1) return this.op("Reshape", [name, this.token(stage, "flat")]);
      const shape = this.constant(`shape ${dims.join()}`, (id) => int64Tensor(id, dims));
      return this.op("Reshape", [name, this.waiting(shape, "shape", stage)]);
    });
  }

  private token(stage: number, type: Token): string {
    return this.once(`${stage} ${type}`, () => {
      if (type === "flat") return this.op("Neg", [this.token(stage, "shape")]);
      const to = attribute.int("to", type === "bool" ? DataType.BOOL : DataType.INT64);
      return this.op("Cast", [this.quantized(stage)], [to]);
    });
  }

  private quantized(stage: number): string {
    return this.once(`${stage} quantized`, () => {
      const number = this.op(
        "If",
        [this.condition(stage)],
        [this.branch("then_branch"), this.branch("else_branch")],
      );
      return this.op("QuantizeLinear", [this.op("Abs", [number]), this.scale(), this.zero()]);
    });
  }

  private condition(stage: number): string {
    if (stage > 1) return this.token(stage - 1, "bool");
    return this.constant("true", (id) => integerTensor(id, [1], DataType.BOOL, Uint8Array.of(1)));
  }

  private branch(name: string): ReturnType<typeof attribute.graph> {
    const output = this.names.next();
    const graph = emptyGraph(name.slice(0, 4));
    graph.nodes.push(makeNode("DequantizeLinear", [this.one(), this.scale(), this.zero()], [output]));
    graph.outputs.push(tensorValue(output, DataType.FLOAT, [1]));
    return attribute.graph(name, graph);
  }

  private one(): string {
    return this.constant("one", (id) => integerTensor(id, [1], DataType.UINT8, Uint8Array.of(1)));
  }

  private scale(): string {
    return this.constant("scale", (id) => floatTensor(id, [], Float32Array.of(1)));
  }

  private zero(): string {
    return this.constant("zero", (id) => integerTensor(id, [], DataType.UINT8, Uint8Array.of(0)));
  }

  private constant(key: string, make: (name: string) => Tensor): string {
    return this.once(key, () => this.editor.addInitializer(make(this.names.next())));
  }

  private op(opType: string, inputs: string[], attributes: Node["attributes"] = []): string {
    const output = this.names.next();
    this.nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }

  private once(key: string, make: () => string): string {
    const known = this.known.get(key) ?? make();
    this.known.set(key, known);
    return known;
  }
}

/** The packed words among a step's constants: the largest that is not a table of values. */
function wordsOf(constants: readonly (Tensor | undefined)[]): Tensor | undefined {
  const words = constants.filter((tensor) => tensor && WORDS.has(tensor.dataType));
  return words.sort((a, b) => elementCount(b!) - elementCount(a!))[0];
}

const WORDS: ReadonlySet<number> = new Set([
  DataType.UINT4,
  DataType.UINT8,
  DataType.INT8,
  DataType.UINT16,
  DataType.INT32,
]);
