/**
 * Decides which nodes of a graph run in int8 and which tensors are quantized, such that every Q/DQ pair fuses.
 *
 * An island grows from convolutions, whose inputs and outputs are quantized. Operators with an int8 kernel join
 * if their inputs are available as codes and their output is wanted as codes. Fully connected layers join if
 * their input is quantized (as in classifiers after a pooling). Otherwise they are quantized dynamically (as in
 * transformers, where a Q/DQ pair would not fuse and static ranges cost accuracy).
 */
import { type GraphEditor, isOp, isStandard, toNumbers, type Node } from "../../../ir/index.js";
import { hasPlainBias } from "../../../layers/bias.js";
import { int8Role, isClamp, valueInputs } from "../../../ops/int8-kernels.js";
import { weightView } from "../../../layers/weight-view.js";
import { weightFact } from "../../../ops/weights.js";
import { type KernelWeight, kernelWeight } from "../../../layers/kernel-weight.js";
import { isModelOutput } from "./model-output.js";
import { takesTransposed, whyFloatConvolution, whyFloatMatrix } from "./int8-obstacles.js";

/** A convolution with fewer multiply-adds per output and no int8 neighbour does not repay its own Q/DQ pairs. */
const MIN_LONE_KERNEL = 64;
/** Smallest number of weight values that is worth a dynamic kernel. */
const MIN_DYNAMIC_VALUES = 1024;

export interface Islands {
  /** Convolutions and fully connected layers that run statically quantized, in graph order. */
  readonly computes: readonly Node[];
  /** Movers and requantizers in int8 between them. */
  readonly members: ReadonlySet<Node>;
  /** Quantized tensors: each gets one Q/DQ pair. */
  readonly tensors: ReadonlySet<string>;
  /**
   * For a mover's output: the tensor, not itself from a mover, whose codes it passes on and whose parameters it
   * has.
   */
  readonly sharedWith: ReadonlyMap<string, string>;
  /** Clamps that are removed because saturation of the codes replaces them. Keyed by the clamp's output. */
  readonly clamps: ReadonlyMap<string, Node>;
  /** Fully connected layers to quantize dynamically. */
  readonly dynamic: readonly Node[];
  /** For those whose weight is the left factor: the rank of the right one. */
  readonly ranks: ReadonlyMap<Node, number>;
  /** Why a compute node stays in float. */
  readonly kept: ReadonlyMap<Node, string>;
}

export interface IslandOptions {
  /** Why activation ranges will not be known; undefined if they will. */
  readonly uncalibrated?: string;
  /** The reason if a node must stay in float. */
  readonly excluded: (node: Node) => string | undefined;
  /** The rank of a value, if known. */
  readonly rankOf?: (editor: GraphEditor, name: string) => number | undefined;
  /** Fully connected layers to quantize dynamically even if their input is quantized. */
  readonly atRunTime?: (node: Node) => boolean;
}

export function findIslands(editor: GraphEditor, options: IslandOptions): Islands {
  const finder = new IslandFinder(editor, options);
  return finder.find();
}

class IslandFinder {
  private readonly kept = new Map<Node, string>();
  private readonly available = new Set<string>();
  private readonly wanted = new Set<string>();

  constructor(
    private readonly editor: GraphEditor,
    private readonly options: IslandOptions,
  ) {}

  find(): Islands {
    const convolutions = this.editor.graph.nodes.filter((node) => this.isConvolution(node));
    for (const node of convolutions) this.available.add(node.inputs[0]!).add(this.resultOf(node));
    for (const node of this.editor.graph.nodes) this.tellContributed(node);
    const dense = this.editor.graph.nodes.filter((node) => this.isDense(node));
    const staticDense =
      this.options.uncalibrated === undefined
        ? this.spreadForward(dense.filter((node) => !this.options.atRunTime?.(node)))
        : new Set<Node>();
    this.spreadBackward([...convolutions, ...staticDense]);
    const lone = new Set(convolutions.filter((node) => this.isLone(node, staticDense)));
    for (const node of lone)
      this.kept.set(node, "has only float neighbours: its own Q/DQ pairs would cost more than int8 saves");
    const computes = [...convolutions.filter((node) => !lone.has(node)), ...staticDense];
    return this.assemble(
      computes,
      dense.filter((node) => !staticDense.has(node)),
    );
  }

  private isConvolution(node: Node): boolean {
    if (isOp(node, "ConvTranspose")) this.kept.set(node, "ConvTranspose has no int8 kernel");
    if (!isOp(node, "Conv")) return false;
    const reason =
      this.options.excluded(node) ??
      whyFloatConvolution(this.editor, node) ??
      (isModelOutput(this.editor, this.resultOf(node))
        ? "its output is the model's output, which stays in float"
        : this.options.uncalibrated);
    if (reason) this.kept.set(node, reason);
    return reason === undefined;
  }

  private isDense(node: Node): boolean {
    if (!isOp(node, "MatMul", "Gemm")) return false;
    const reason = this.options.excluded(node) ?? whyFloatMatrix(this.editor, node, this.rightRank(node));
    if (reason) this.kept.set(node, reason);
    return reason === undefined;
  }

  /** Operators of onnxruntime's own set with constant weights. The report explains why they stay in float. */
  private tellContributed(node: Node): void {
    if (
      isStandard(node) ||
      !weightFact(node)?.weights.some((index) => weightView(this.editor, node.inputs[index] ?? ""))
    )
      return;
    this.kept.set(
      node,
      this.options.excluded(node) ??
        `${node.opType} of ${node.domain} computes in float: edgec writes no int8 form of it`,
    );
  }

  private rightRank(node: Node): number | undefined {
    return isOp(node, "Gemm") ? 2 : this.options.rankOf?.(this.editor, node.inputs[1] ?? "");
  }

  private weight(node: Node): KernelWeight {
    return kernelWeight(this.editor, node)!;
  }

  /** The node's output, or that of the following clamp if codes will absorb it. */
  private resultOf(node: Node): string {
    const output = node.outputs[0]!;
    const next = this.editor.soleConsumer(output);
    return isClamp(next) && next.inputs[0] === output && this.clampIsAbsorbable(next)
      ? next.outputs[0]!
      : output;
  }

  /** Codes start at zero, so saturation replaces a lower bound of 0. The range is limited to the upper bound. */
  private clampIsAbsorbable(clamp: Node): boolean {
    if (isOp(clamp, "Relu")) return true;
    const low = this.editor.constant(clamp.inputs[1] ?? "");
    const high = clamp.inputs[2] ? this.editor.constant(clamp.inputs[2]) : undefined;
    return low !== undefined && toNumbers(low)[0] === 0 && (!clamp.inputs[2] || high !== undefined);
  }

  /** Grows `available` through int8 kernels. Returns the dense layers whose input is quantized. */
  private spreadForward(dense: readonly Node[]): Set<Node> {
    const reached = new Set<Node>();
    const isDense = new Set(dense);
    for (const node of this.editor.graph.nodes) {
      if (isDense.has(node)) {
        if (!this.available.has(node.inputs[0]!) || !this.hasStaticForm(node)) continue;
        reached.add(node);
        if (isOp(node, "Gemm")) this.available.add(this.resultOf(node));
      } else if (int8Role(node) && this.options.excluded(node) === undefined && this.inputsAvailable(node)) {
        for (const output of node.outputs) this.available.add(output);
        this.available.add(this.resultOf(node));
      }
    }
    return reached;
  }

  /**
   * A single matrix as the right factor, with the left one not transposed. A Gemm fuses only with a bias of one
   * value per output.
   */
  private hasStaticForm(node: Node): boolean {
    const { view, kernel, isLeft } = this.weight(node);
    return (
      !isLeft &&
      view.dims.length === 2 &&
      !takesTransposed(node) &&
      hasPlainBias(this.editor, node, kernel.dims[1]!)
    );
  }

  private inputsAvailable(node: Node): boolean {
    const inputs = valueInputs(node);
    return inputs.length > 0 && inputs.every((name) => this.available.has(name));
  }

  /** Grows `wanted` from the inputs of compute nodes back through int8 kernels that could produce them. */
  private spreadBackward(computes: readonly Node[]): void {
    for (const node of computes) this.wanted.add(node.inputs[0]!);
    for (const node of [...this.editor.graph.nodes].reverse()) {
      if (!int8Role(node) || this.options.excluded(node) !== undefined || !this.inputsAvailable(node))
        continue;
      if (this.wanted.has(this.resultOf(node))) for (const name of valueInputs(node)) this.wanted.add(name);
    }
  }

  private isLone(node: Node, staticDense: ReadonlySet<Node>): boolean {
    const perOutput = this.weight(node)
      .view.dims.slice(1)
      .reduce((product, dim) => product * dim, 1);
    if (perOutput >= MIN_LONE_KERNEL) return false;
    const feedsInt8 = this.wanted.has(this.resultOf(node));
    const producer = this.editor.producer(node.inputs[0]!);
    const fedByInt8 =
      producer !== undefined && (this.available.has(producer.inputs[0] ?? "") || staticDense.has(producer));
    return !feedsInt8 && !fedByInt8;
  }

  private assemble(computes: readonly Node[], dynamic: readonly Node[]): Islands {
    const tensors = new Set<string>();
    const members = new Set<Node>();
    const clamps = new Map<string, Node>();
    const sharedWith = new Map<string, string>();
    const keep = (node: Node, result: string): void => {
      if (isModelOutput(this.editor, result)) return;
      tensors.add(result);
      if (result !== node.outputs[0]) clamps.set(result, this.editor.producer(result)!);
    };
    for (const node of computes) {
      tensors.add(node.inputs[0]!);
      // A dense layer produces float unless its output is wanted as codes. A convolution without a following
      // QuantizeLinear runs in float.
      if (isOp(node, "Conv") || (isOp(node, "Gemm") && this.wanted.has(this.resultOf(node))))
        keep(node, this.resultOf(node));
    }
    for (const node of this.editor.graph.nodes) {
      const role = int8Role(node);
      if (!role || this.options.excluded(node) !== undefined || !this.wanted.has(this.resultOf(node)))
        continue;
      if (
        !valueInputs(node).every((name) => tensors.has(name)) ||
        isModelOutput(this.editor, this.resultOf(node))
      )
        continue;
      members.add(node);
      keep(node, role === "mover" ? node.outputs[0]! : this.resultOf(node));
      if (role === "mover")
        sharedWith.set(node.outputs[0]!, sharedWith.get(node.inputs[0]!) ?? node.inputs[0]!);
    }
    const worthDynamic = dynamic.filter((node) => {
      const values = this.weight(node).view.dims.reduce((product, dim) => product * dim, 1);
      if (values < MIN_DYNAMIC_VALUES)
        this.kept.set(node, `its weight of ${values} values is too small to gain`);
      return values >= MIN_DYNAMIC_VALUES;
    });
    const ranks = new Map(
      worthDynamic.flatMap((node) => {
        const rank = this.weight(node).isLeft ? this.rightRank(node) : undefined;
        return rank === undefined ? [] : [[node, rank] as const];
      }),
    );
    return { computes, members, tensors, sharedWith, clamps, dynamic: worthDynamic, ranks, kept: this.kept };
  }
}
