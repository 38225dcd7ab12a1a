/**
 * Lets each round start where the round before it ended, so that a sample goes through the model once, however many
 * rounds there are.
 */
import { rmSync } from "node:fs";
import type { Graph } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { BoundaryTarget, StoredBoundary } from "./boundary-file.js";
import type { CalibrationClient } from "./process.js";
import type { ScratchModels } from "./scratch-models.js";
import { planRoundParts, type RoundPart, type Segment } from "./segments.js";

export interface RoundLimitsOfParts {
  /** Most bytes of one sample's measured activations in memory at once. */
  readonly activationBytes: number;
  /** Most bytes of the values of all samples at one boundary. */
  readonly boundaryBytes: number;
}

/** How one round runs. */
export interface ContinuedRound {
  readonly segments: readonly Segment[];
  /** Where it starts; absent in the first round. */
  readonly resume?: StoredBoundary;
  /** What the next round starts from; absent in the last round. */
  readonly save?: BoundaryTarget;
}

export class ContinuedRounds {
  private readonly parts: readonly RoundPart[];
  private stored: StoredBoundary | undefined;

  /** @param bytes of the measured tensors that nodes make */
  constructor(
    graph: Graph,
    bytes: ReadonlyMap<string, number>,
    rounds: readonly (readonly StatisticRequest[])[],
    private readonly limits: RoundLimitsOfParts,
    private readonly scratch: ScratchModels,
  ) {
    const tensors = rounds.map((requests) => new Set(requests.map(({ tensor }) => tensor)));
    this.parts = planRoundParts(graph, bytes, limits.activationBytes, tensors);
  }

  /** Undefined if what the round starts from was not stored: then it must start from the inputs. */
  round(index: number): ContinuedRound | undefined {
    const part = this.parts[index]!;
    const isLast = index === this.parts.length - 1;
    if (index > 0 && !this.stored) return undefined;
    return {
      segments: part.segments,
      ...(this.stored ? { resume: this.stored } : {}),
      ...(isLast ? {} : { save: this.target(index, part.boundary) }),
    };
  }

  /** To be called when the samples of a round have run, before the round is closed. */
  async advance(child: CalibrationClient): Promise<void> {
    this.drop();
    this.stored = await child.call("takeBoundary", []);
  }

  /** Later rounds start from the inputs. */
  drop(): void {
    if (this.stored) rmSync(this.stored.path, { force: true });
    this.stored = undefined;
  }

  private target(index: number, names: readonly string[]): BoundaryTarget {
    return { path: this.scratch.file(`boundary-${index}`), names, mostBytes: this.limits.boundaryBytes };
  }
}
