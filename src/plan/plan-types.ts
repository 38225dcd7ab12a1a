/** What a plan is: steps of passes with their options bound. */
import type { Pass } from "../passes/contract.js";
import type { RegisteredPass } from "./registered-pass.js";
import type { SearchAims } from "./search-aims.js";

export interface PlannedStep {
  readonly passes: readonly Pass[];
  /** Runs the passes again until none of them changes the model. */
  readonly untilStable: boolean;
  readonly reason: string;
  /** See `RecipeStep.validateAfter`. */
  readonly validateAfter?: string;
  /** Samples are held out as they were in the run that is replayed. */
  readonly wasJudged?: boolean;
  /** See `RecipeStep.withinGates`. */
  readonly withinGates?: true;
  /** Before its last pass runs, nodes are chosen for it to leave in float. */
  readonly search?: SearchAims;
}

export type Plan = readonly PlannedStep[];

/** A step before its passes are bound; those of a caller's own making come bound. */
export type Step = Omit<PlannedStep, "passes"> & {
  readonly passes: readonly (RegisteredPass | Pass)[];
  readonly options?: Readonly<Record<string, unknown>>;
};
