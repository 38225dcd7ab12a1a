/** A layer while it is pruned: its weights, which of them remain, and the loss of removing each. */
import { countAlive, type Ranked } from "../../numeric/pruning.js";
import { type LinearAlgebra, type MeasuredRows, type RefitRows, scoresBy } from "../../solver/index.js";
import type { Compute } from "../contract.js";
import type { WeightLayer } from "../../layers/weight-layers.js";
import { readRows } from "../../layers/weight-matrix.js";
import type { BlockPattern } from "./amount.js";
import { finiteValues } from "../../layers/weight-values.js";

/**
 * λ: the ridge as a share of the mean second moment. 1 and 5 % do equally well on the fixtures, 20 % worse.
 */
const RIDGE = 0.01;
/** Most multiplications for measuring a layer's losses again; about half a second. */
const MEASURE_BUDGET = 5e8;

/**
 * Holds five bytes per weight. All layers are open together, so the weights themselves and the moments of the
 * inputs, which are much larger, are read again when needed.
 */
export class LayerState implements Ranked {
  alive: Uint8Array;
  scores: Float32Array;
  readonly count: number;
  /**
   * The refit weights, where the next fit starts. Only for layers that are cheap enough to measure again.
   */
  private fitted: Float32Array | undefined;
  /** Weights that were not zero to begin with. */
  readonly originallyLeft: number;
  /** Whether the remaining weights can be fitted to the inputs; known once losses are scored. */
  isFitted = false;
  /** Divides the losses so that layers are comparable. */
  private norm = 1;

  /**
   * @param inputs those of each group, if they were measured
   * @param hasBias whether a bias can take up a shift of the mean, so that only deviations from it count
   */
  constructor(
    readonly layer: WeightLayer,
    private readonly inputs: () => MeasuredRows["inputs"],
    readonly hasBias: boolean,
  ) {
    const original = this.readOriginal();
    this.count = original.length;
    this.alive = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) this.alive[i] = original[i] === 0 ? 0 : 1;
    this.scores = new Float32Array(this.count);
    this.originallyLeft = countAlive(this.alive);
  }

  get left(): number {
    return countAlive(this.alive);
  }

  /** Sets the initial scores by magnitude alone. */
  scoreMagnitudes(): void {
    const original = this.readOriginal();
    for (let i = 0; i < this.count; i++) this.scores[i] = Math.abs(original[i]!);
  }

  /** Sets the initial scores: the loss of removing each weight alone; see `scoreRows`. */
  async scoreLosses({ run }: LinearAlgebra): Promise<void> {
    const { scores, norm, isMeasured } = await scoresBy(
      (sample) => run("measureRemovals", sample),
      this.measured(),
    );
    this.isFitted = isMeasured;
    this.scores = scores;
    this.norm = norm;
  }

  /**
   * Refits the remaining weights and measures the losses again, if that is affordable; otherwise keeps the old
   * ones.
   */
  async measureAgain({ run }: LinearAlgebra): Promise<void> {
    if (!this.isFitted || !this.isCheapToMeasure()) return;
    const rows = this.measured();
    const before = { fitted: this.fitted ?? rows.weights.slice(), scores: this.scores };
    const alive = this.alive.slice();
    ({ fitted: this.fitted, scores: this.scores } = await run("measureRows", rows, before, alive, this.norm));
  }

  /** Keeps the N highest scores of every M consecutive input channels. */
  async keepPattern({ n, m }: BlockPattern, compute: Compute): Promise<void> {
    const { columns, channelStride } = this.layer.layout;
    const { scores, alive } = this;
    this.alive = await compute.run(
      "aliveInPattern",
      { scores: scores.slice(), alive },
      columns,
      { n, m },
      channelStride,
    );
  }

  /** Gives up the scores once weights are chosen: they are as large as the weights. */
  forgetScores(): void {
    this.scores = new Float32Array(0);
  }

  /** Sets removed weights to zero and refits the others. */
  settle({ run }: LinearAlgebra): Promise<RefitRows> {
    const { fitted } = this;
    this.fitted = undefined;
    return run("refitRows", this.measured(), this.alive.slice(), fitted);
  }

  private readOriginal(): Float32Array {
    return readRows(finiteValues(this.layer.tensor), this.layer.layout);
  }

  /** Copies, which may be transferred. */
  private measured(): MeasuredRows {
    const { rows, columns } = this.layer.layout;
    const system = { ridge: RIDGE, centred: this.hasBias };
    return { weights: this.readOriginal(), rows, columns, inputs: this.inputs(), system };
  }

  private isCheapToMeasure(): boolean {
    const { rows, columns } = this.layer.layout;
    // Uneven rows cost more than even ones.
    if (measuringCost(this.left / rows) * rows > MEASURE_BUDGET) return false;
    let cost = 0;
    for (let row = 0; row < rows; row++)
      cost += measuringCost(countAlive(this.alive.subarray(row * columns, (row + 1) * columns)));
    return cost <= MEASURE_BUDGET;
  }
}

/** Multiplications for a row with so many weights left. */
function measuringCost(left: number): number {
  return left ** 3 / 3;
}
