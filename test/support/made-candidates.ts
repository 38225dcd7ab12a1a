/** Candidates with made-up measurements, and the choice among them. */
import type { Candidate } from "../../src/compress/candidate.js";
import { chooseCandidate } from "../../src/compress/choose-candidate.js";
import type { SearchResult } from "../../src/search/search-types.js";
import { matMulModel } from "./mat-mul-model.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";

export interface Measured {
  readonly speedup?: number;
  readonly p50Ratio?: number;
  readonly range?: readonly [number, number];
  readonly bytes?: number;
  readonly gateFails?: boolean;
  readonly predicted?: NonNullable<SearchResult["predicted"]>;
  readonly inInt8?: readonly string[];
}

/** A candidate of a model that took 1 ms and 1,000 bytes. */
function candidate({
  speedup,
  p50Ratio = speedup,
  range,
  bytes = 500,
  gateFails = false,
  predicted,
  inInt8 = [],
}: Measured): Candidate {
  const sizes = (raw: number) => ({ raw, gzip: raw, brotli: raw });
  const times = (ms: number) => ({ p50Ms: ms, p95Ms: ms, spread: 0 });
  const latency =
    speedup === undefined
      ? null
      : {
          original: times(1),
          compressed: times(1 / p50Ratio!),
          speedup,
          p50Ratio: p50Ratio!,
          speedupRange: range ?? ([speedup, speedup] as const),
          threads: 1,
          runs: 10,
          runtime: "r",
        };
  return {
    model: matMulModel(),
    expectation: { isExact: false, isCoarse: false },
    path: "",
    plan: [],
    warnings: [],
    isFallback: false,
    run: {
      ...(predicted
        ? {
            search: {
              pass: "quantize-int8",
              reasons: new Map(),
              forms: { floatNodes: [], dynamicNodes: [] },
              predicted,
            },
          }
        : {}),
      nodes: inInt8.map((name) => ({
        pass: "quantize-int8",
        name,
        opType: "Conv",
        status: "changed" as const,
        reason: "",
      })),
      modified: true,
      passes: [],
      diagnostics: [],
      askedForData: false,
      statistics: new Map(),
      judged: false,
    },
    measurements: {
      size: { original: sizes(1000), compressed: sizes(bytes), ratio: 1000 / bytes },
      fidelity: null,
      accuracy: null,
      latency,
      executed: null,
      warnings: [],
      gates: gateFails
        ? [{ name: "minSqnrDb" as const, limit: 30, actual: 20, ok: false, message: "20 dB, 30 dB asked" }]
        : [],
    },
  };
}

export async function choose(
  options: PlanOptions,
  planned: Measured,
  stored: Measured,
  plain: Measured = {},
): Promise<{ chosen: string; built: readonly string[]; warning: string | undefined }> {
  const candidates: Record<string, Candidate> = {
    planned: candidate(planned),
    stored: candidate(stored),
    plain: candidate(plain),
  };
  const built: string[] = [];
  const result = await chooseCandidate(
    options,
    (name) => {
      built.push(name);
      return Promise.resolve(candidates[name]!);
    },
    {},
  );
  const chosen = Object.keys(candidates).find(
    (name) => candidates[name]!.measurements === result.measurements,
  );
  return { chosen: chosen ?? "", built, warning: result.warnings[0]?.message };
}
