/**
 * The report of a run, from which the terminal table, the JSON file and the Markdown are generated. Every key
 * is part of the public schema (docs/reference/report.md): keys are added, never renamed.
 */
import type { Diagnostic } from "../diagnostics.js";
import type { RunTimes } from "../stage-clock.js";
import type { SCHEMA_VERSION } from "../version.js";
import type { Emulation } from "../compare/emulation.js";
import type { PassRecord, ReportedNearMiss } from "../run/run-log.js";
import type { ReportedTarget } from "../plan/target-options.js";
import type { Decisions } from "../plan/replay.js";
import type { SearchResult } from "../search/search-types.js";
import type { NodeStatus } from "../passes/contract.js";
import type {
  Accuracy,
  Across,
  Executed,
  Fidelity,
  Latency,
  LoadComparison,
  SizeComparison,
  Verdict,
} from "../verify/index.js";

export interface ReportedNode extends NodeStatus {
  readonly pass: string;
}

/** Measurements of the search for nodes to leave in float. */
export interface ReportedSearch {
  /** Why each node stays in float, by its name. */
  readonly floatNodes: readonly { readonly name: string; readonly reason: string }[];
  /** Fully connected layers that are quantized dynamically, and the gain; null if there was no such choice. */
  readonly dynamic: NonNullable<SearchResult["dynamic"]> | null;
  readonly speed: NonNullable<SearchResult["paying"]> | null;
  readonly accuracy: NonNullable<SearchResult["choice"]> | null;
  /** For a target other than this machine, by its cost table. */
  readonly prediction: NonNullable<SearchResult["predicted"]> | null;
}

export interface Report {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly edgec: string;
  readonly input: string | null;
  readonly output: string | null;
  /** The written files of the model: itself, then its data; none for a comparison. */
  readonly written: readonly string[];
  /** The target device; null if two models were compared. */
  readonly target: ReportedTarget | null;
  /** The processor whose saturation was emulated; null if none. */
  readonly emulation: Emulation | null;
  /** What --replay repeats; null for a comparison alone. */
  readonly decisions: Decisions | null;
  /** null without a search. */
  readonly search: ReportedSearch | null;
  readonly passes: readonly PassRecord[];
  readonly nodes: readonly ReportedNode[];
  /** Only on request: the reasons why partly matched fusions failed. */
  readonly nearMisses?: readonly ReportedNearMiss[];
  /**
   * Only if the input was written unchanged because the result would be larger: the bytes that it would have
   * had.
   */
  readonly unchanged?: { readonly wouldBe: number };
  readonly size: SizeComparison;
  readonly fidelity: Fidelity | null;
  readonly accuracy: Accuracy | null;
  readonly latency: Latency | null;
  readonly executed: Executed | null;
  /** What loading takes, in a process of its own; only where both models were run. */
  readonly load?: LoadComparison;
  /** Only on request: the compressed model in other runtimes and at other optimization levels. */
  readonly across?: Across;
  readonly warnings: readonly Diagnostic[];
  /** Where the time of the run went. */
  readonly times: RunTimes;
  readonly verdict: Verdict;
}
