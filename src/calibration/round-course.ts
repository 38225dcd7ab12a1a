/** How the rounds of a measurement run: where each starts, in which segments, and what it leaves for others. */
import type { Graph } from "../ir/index.js";
import type { BoundaryTarget, StoredBoundary } from "./boundary-file.js";
import type { CalibrationClient } from "./process.js";
import type { Segment } from "./segments.js";

/** How one round runs. */
export interface RoundPlan {
  readonly segments: readonly Segment[];
  /** What it starts from, if not from the inputs. */
  readonly resume?: StoredBoundary;
  /** What to keep of each sample. */
  readonly save?: BoundaryTarget;
}

/** The segments of a round by itself, with at most so many bytes of measured activations each. */
export type Cut = (mostBytes: number) => readonly Segment[];

/** A measurement chooses one at its start, and another only where the runtime refuses a round. */
export interface RoundCourse {
  round(index: number, cut: Cut): RoundPlan;
  /** To be called when the samples of a round have run, before the round is closed. */
  advance(child: CalibrationClient): Promise<void>;
  /**
   * The course to run a round by that the runtime has refused: it may be unable to hand over what lies at a cut.
   * Undefined if the round was not cut.
   */
  otherwise(): RoundCourse | undefined;
}

/** What a measurement on a part of a model starts from, and what it stores for the next one. */
export interface Ends {
  readonly resume?: StoredBoundary;
  readonly save?: BoundaryTarget;
  stored?: StoredBoundary | undefined;
}

/** Each round runs from the start of the measurement, and the next measurement from where it ended. */
export class WholeRounds implements RoundCourse {
  private save: BoundaryTarget | undefined;
  private last: { readonly index: number; readonly plan: RoundPlan } | undefined;
  /** The round that runs in one piece, however much it measures. */
  private uncut: number | undefined;

  /** @param mostBytes of one sample's measured activations in memory at once */
  constructor(
    private readonly graph: Graph,
    private readonly ends: Ends,
    private readonly mostBytes: number,
  ) {
    this.save = ends.save;
  }

  round(index: number, cut: Cut): RoundPlan {
    const segments = cut(index === this.uncut ? Infinity : this.mostBytes);
    const { resume } = this.ends;
    const plan = { ...this.saving(segments), ...(resume ? { resume } : {}) };
    this.last = { index, plan };
    return plan;
  }

  async advance(child: CalibrationClient): Promise<void> {
    if (this.last?.plan.save) this.ends.stored = await child.call("takeBoundary", []);
  }

  otherwise(): RoundCourse | undefined {
    const { index, plan } = this.last ?? {};
    if (plan?.save) this.save = undefined;
    else if (plan && plan.segments.length > 1) this.uncut = index;
    else return undefined;
    return this;
  }

  /** With a cut at what is to be saved, if there is no other. */
  private saving(segments: readonly Segment[]): RoundPlan {
    const { save } = this;
    const [whole] = segments;
    if (!save || !whole || segments.length > 1) return { segments };
    const inputs = new Set(this.graph.inputs.map(({ name }) => name));
    const keep = save.names.filter((name) => !inputs.has(name));
    return {
      segments: [
        { computed: [], keep },
        { ...whole, keep },
      ],
      save,
    };
  }
}
