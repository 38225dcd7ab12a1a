/** The report of a run of `compress`. */
import { clippedDiagnostic, type Diagnostic } from "../diagnostics.js";
import type { Decisions } from "../plan/replay.js";
import type { ReportedTarget } from "../plan/target-options.js";
import type { Report } from "../report/report.js";
import type { SearchResult } from "../search/search-types.js";
import { stageTimes } from "../stage-clock.js";
import { SCHEMA_VERSION, VERSION } from "../version.js";
import type { Candidate } from "./candidate.js";

interface ReportFacts {
  readonly input: string | undefined;
  readonly output: string | undefined;
  readonly decisions: Decisions;
  readonly target: ReportedTarget;
  readonly written: readonly string[];
  readonly warnings: readonly Diagnostic[];
  /** Whether the report says why fusions that nearly matched did not apply. */
  readonly explains: boolean;
}

export function makeReport(
  { run, measurements, unchanged }: Candidate,
  { input, output, decisions, target, written, warnings, explains }: ReportFacts,
): Report {
  const { size, fidelity, accuracy, latency, executed, load, gates } = measurements;
  return {
    schemaVersion: SCHEMA_VERSION,
    edgec: VERSION,
    input: input ?? null,
    output: output ?? null,
    decisions,
    search: reportedSearch(run.search),
    passes: run.passes,
    nodes: run.nodes,
    ...(explains ? { nearMisses: run.nearMisses ?? [] } : {}),
    ...(unchanged ? { unchanged } : {}),
    size,
    fidelity,
    accuracy,
    latency,
    executed,
    ...(load ? { load } : {}),
    warnings: distinct(warnings),
    target,
    emulation: null,
    written,
    times: stageTimes(),
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}

function reportedSearch(search: SearchResult | undefined): Report["search"] {
  if (!search) return null;
  const { reasons, forms, dynamic = null, paying = null, choice = null, predicted = null } = search;
  return {
    floatNodes: forms.floatNodes.map((name) => ({ name, reason: reasons.get(name) ?? "" })),
    dynamic,
    speed: paying,
    accuracy: choice,
    prediction: predicted,
  };
}

function distinct(given: readonly Diagnostic[]): Diagnostic[] {
  const warnings = given.map(clippedDiagnostic);
  return [...new Map(warnings.map((warning) => [`${warning.id}\n${warning.message}`, warning])).values()];
}
