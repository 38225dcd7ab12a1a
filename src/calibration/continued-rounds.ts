/**
 * Lets each round start where the round before it ended, so that a sample goes through the model once, however many
 * rounds there are.
 */
import { rmSync } from "node:fs";
import type { Graph } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { BoundaryTarget, StoredBoundary } from "./boundary-file.js";
import type { CalibrationClient } from "./process.js";
import type { Cut, RoundCourse, RoundPlan } from "./round-course.js";
import type { ScratchModels } from "./scratch-models.js";
import { planRoundParts, type RoundPart } from "./segments.js";

export interface RoundLimitsOfParts {
  /** Most bytes of one sample's measured activations in memory at once. */
  readonly activationBytes: number;
  /** Most bytes of the values of all samples at one boundary. */
  readonly boundaryBytes: number;
}

export class ContinuedRounds implements RoundCourse {
  private readonly parts: readonly RoundPart[];
  private stored: StoredBoundary | undefined;
  /** Whether the round starts from the start of the measurement, as what it would start from was not stored. */
  private isWhole = false;

  /**
   * @param bytes of the measured tensors that nodes make
   * @param whole how a round runs that starts from the start of the measurement
   * @param start what the first round starts from, if not from the inputs
   */
  constructor(
    graph: Graph,
    bytes: ReadonlyMap<string, number>,
    rounds: readonly (readonly StatisticRequest[])[],
    private readonly limits: RoundLimitsOfParts,
    private readonly scratch: ScratchModels,
    private readonly whole: RoundCourse,
    private readonly start: StoredBoundary | undefined,
  ) {
    const tensors = rounds.map((requests) => new Set(requests.map(({ tensor }) => tensor)));
    this.parts = planRoundParts(graph, bytes, limits.activationBytes, tensors);
  }

  round(index: number, cut: Cut): RoundPlan {
    const resume = index === 0 ? this.start : this.stored;
    this.isWhole = index > 0 && !resume;
    if (this.isWhole) return this.whole.round(index, cut);
    const { segments, boundary } = this.parts[index]!;
    const isLast = index === this.parts.length - 1;
    return {
      segments,
      ...(resume ? { resume } : {}),
      ...(isLast ? {} : { save: this.target(index, boundary) }),
    };
  }

  async advance(child: CalibrationClient): Promise<void> {
    if (this.isWhole) return this.whole.advance(child);
    this.drop();
    this.stored = await child.call("takeBoundary", []);
  }

  otherwise(): RoundCourse | undefined {
    if (this.isWhole) return this.whole.otherwise();
    this.drop();
    return this.whole;
  }

  private drop(): void {
    if (this.stored) rmSync(this.stored.path, { force: true });
    this.stored = undefined;
  }

  private target(index: number, names: readonly string[]): BoundaryTarget {
    return { path: this.scratch.file(`boundary-${index}`), names, mostBytes: this.limits.boundaryBytes };
  }
}
