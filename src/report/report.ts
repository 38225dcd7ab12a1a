/**
 * The one report of a run, from which the terminal table, the JSON file and the Markdown are made.
 * Every key is part of the public schema (docs/report-schema.md): keys are added, never renamed.
 */
import type { Diagnostic } from "../diagnostics.js";
import type { PassRecord } from "../pipeline/pass-ledger.js";
import type { NodeStatus } from "../passes/contract.js";

export const SCHEMA_VERSION = 1;

export interface FileSizes { readonly raw: number; readonly gzip: number; readonly brotli: number }

export interface SizeReport {
  /** Bytes, external data included. */
  readonly original: FileSizes;
  readonly compressed: FileSizes;
  /** original.raw / compressed.raw */
  readonly ratio: number;
}

export interface OutputFidelity {
  /** Signal-to-noise ratio; null when the outputs are equal, which JSON cannot write as infinity. */
  readonly sqnrDb: number | null;
  readonly cosine: number;
  readonly maxAbsError: number;
  /** Share of samples, from 0 to 1, whose largest class score is the same; null where the output is no class score. */
  readonly top1Agreement: number | null;
}

export interface FidelityReport {
  readonly samples: number;
  /** Where the samples came from: "data/eval.npz", "held-out samples of …", "random feeds (seed 0)". */
  readonly source: string;
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
}

export interface AccuracyReport {
  readonly metric: string;
  /** In percent for top-1 and top-5; in the metric's own unit for a module of the user. */
  readonly original: number;
  readonly compressed: number;
  /** How much worse, in the same unit; negative when the compressed model is better. */
  readonly drop: number;
  readonly samples: number;
}

export interface Percentiles { readonly p50Ms: number; readonly p95Ms: number }

export interface LatencyReport {
  readonly original: Percentiles;
  readonly compressed: Percentiles;
  readonly speedup: number;
  readonly threads: number;
  readonly runs: number;
  /** Name and version of the runtime that was timed. */
  readonly runtime: string;
}

export interface ExecutedReport {
  readonly int8Kernels: number;
  readonly floatKernels: number;
  readonly strayQdq: number;
}

export interface Gate { readonly name: string; readonly ok: boolean; readonly message: string }

export interface ReportedNode extends NodeStatus { readonly pass: string }

export interface Report {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly edgec: string;
  readonly input: string | null;
  readonly output: string | null;
  readonly passes: readonly PassRecord[];
  readonly nodes: readonly ReportedNode[];
  readonly size: SizeReport;
  readonly fidelity: FidelityReport | null;
  readonly accuracy: AccuracyReport | null;
  readonly latency: LatencyReport | null;
  readonly executed: ExecutedReport | null;
  readonly warnings: readonly Diagnostic[];
  readonly verdict: { readonly ok: boolean; readonly gates: readonly Gate[] };
}
