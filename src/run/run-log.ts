/** What the passes of one run reported, with the rounds of a repeated pass summed into one record. */
import type { Diagnostic } from "../diagnostics.js";
import type { Statistics } from "../numeric/statistics.js";
import type { NearMiss, NodeStatus, Pass, PassResult } from "../passes/contract.js";
import { type Decisions, NO_FORMS } from "../plan/replay.js";
import type { SearchResult } from "../search/search-types.js";
import type { StrengthChoice } from "./strength-search.js";

/** Scores of a pass that runs on trial, on held-out samples. */
export interface TrialResult {
  /** Mean signal-to-noise ratio of the outputs without it and with it, dB. */
  readonly beforeDb: number;
  readonly afterDb: number;
  /**
   * Where the gain lies over further samples of this kind, dB with 90 % confidence. Only a pass whose gain is above 0
   * throughout is kept. null with fewer than two samples; absent if the pass changed nothing or failed.
   */
  readonly gainRange?: readonly [low: number, high: number] | null;
  readonly kept: boolean;
  /** Why the runtime rejects the model with it, if it does. */
  readonly refused?: string;
  /** How the runtime's process ended, if it crashed. */
  readonly crashed?: string;
}

export interface PassRecord {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly modified: boolean;
  readonly stats: Readonly<Record<string, number>>;
  /** Milliseconds, including calibration. */
  readonly ms: number;
  /**
   * Present for a pass that ran on trial. If it was not kept, its changes were undone and `modified` is
   * false.
   */
  readonly trial?: TrialResult;
  /** Present for a pass that ran as strongly as the gates on accuracy allow. */
  readonly strength?: StrengthChoice;
}

/** A fusion that nearly matched, in the model that its last run received. */
export interface ReportedNearMiss extends NearMiss {
  readonly pass: string;
}

export interface RunResult {
  readonly modified: boolean;
  readonly passes: readonly PassRecord[];
  readonly nodes: readonly (NodeStatus & { readonly pass: string })[];
  readonly diagnostics: readonly Diagnostic[];
  readonly nearMisses?: readonly ReportedNearMiss[];
  /** Whether any pass requested statistics. */
  readonly askedForData: boolean;
  /** Which nodes were left in float and why, where that was searched. */
  readonly search?: SearchResult;
  /** The strength chosen for each pass judged within gates; null if it did not run. */
  readonly strengths?: Readonly<Record<string, number | null>>;
  /** The statistics measured, by the name of the pass that requested them; its second request is "name#1". */
  readonly statistics: ReadonlyMap<string, Statistics>;
}

export class RunLog {
  askedForData = false;
  search: SearchResult | undefined;
  readonly strengths = new Map<string, StrengthChoice>();
  readonly statistics = new Map<string, Statistics>();
  private readonly records: {
    pass: Pass;
    modified: boolean;
    stats: Record<string, number>;
    ms: number;
    trial?: TrialResult;
  }[] = [];
  private readonly nodes: (NodeStatus & { pass: string })[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  /** Of each pass those of its last run. */
  private readonly nearMisses = new Map<string, readonly ReportedNearMiss[]>();
  /** What each pass has said of nodes, as text. */
  private readonly said = new Map<string, Set<string>>();

  add(pass: Pass, result: PassResult, ms: number): void {
    let record = this.records.find((other) => other.pass === pass);
    if (!record) this.records.push((record = { pass, modified: false, stats: {}, ms: 0 }));
    record.modified ||= result.modified;
    record.ms += ms;
    for (const [name, value] of Object.entries(result.stats))
      record.stats[name] = (record.stats[name] ?? 0) + value;
    const { nearMisses = [] } = result;
    this.nearMisses.set(
      pass.name,
      nearMisses.map((miss) => ({ ...miss, pass: pass.name })),
    );
    const isRepeated = this.repeats(pass);
    for (const node of result.nodes)
      if (!isRepeated("node", node)) this.nodes.push({ ...node, pass: pass.name });
    for (const diagnostic of result.diagnostics)
      if (!isRepeated("diagnostic", diagnostic)) this.diagnostics.push(diagnostic);
  }

  /** Whether an exact pass has said the same in an earlier round: it runs until nothing changes. */
  private repeats({ name, lossy }: Pass): (kind: string, said: NodeStatus | Diagnostic) => boolean {
    const before = this.said.get(name) ?? new Set<string>();
    const now = new Set(before);
    this.said.set(name, now);
    return (kind, said) => {
      const key = JSON.stringify([kind, said]);
      now.add(key);
      return !lossy && before.has(key);
    };
  }

  /** Takes over what the passes of a trial reported; of one that was not kept, that it was tried. */
  addTrial(tried: RunLog, trial: TrialResult): void {
    for (const record of tried.records)
      this.records.push({
        ...record,
        modified: record.modified && trial.kept,
        stats: trial.kept ? record.stats : {},
        trial: rounded(trial),
      });
    if (!trial.kept) return;
    this.nodes.push(...tried.nodes);
    this.diagnostics.push(...tried.diagnostics);
  }

  /** Under what the next measurement for the pass is kept. */
  statisticsKey({ name }: Pass): string {
    let key = name;
    for (let k = 1; this.statistics.has(key); k++) key = `${name}#${k}`;
    return key;
  }

  /** Names of the passes that ran, each once, in order. */
  names(): string[] {
    return [...new Set(this.records.map((record) => record.pass.name))];
  }

  get modified(): boolean {
    return this.records.some((record) => record.modified);
  }

  result(): RunResult {
    return {
      modified: this.modified,
      passes: this.records.map(({ pass, modified, stats, ms, trial }) => ({
        name: pass.name,
        options: pass.options,
        modified,
        stats,
        ms: Math.round(ms * 10) / 10,
        ...(trial ? { trial } : {}),
        ...(this.strengths.has(pass.name) ? { strength: this.strengths.get(pass.name)! } : {}),
      })),
      nodes: this.nodes.map((node) => explained(node, this.search)),
      diagnostics: this.diagnostics,
      nearMisses: [...this.nearMisses.values()].flat(),
      askedForData: this.askedForData,
      statistics: this.statistics,
      ...(this.search ? { search: this.search } : {}),
      ...(this.strengths.size > 0
        ? { strengths: Object.fromEntries([...this.strengths].map(([name, { value }]) => [name, value])) }
        : {}),
    };
  }
}

function rounded({ beforeDb, afterDb, gainRange, ...rest }: TrialResult): TrialResult {
  const hundredths = (db: number): number => Math.round(db * 100) / 100;
  return {
    beforeDb: hundredths(beforeDb),
    afterDb: hundredths(afterDb),
    ...(gainRange === undefined
      ? {}
      : { gainRange: gainRange && [hundredths(gainRange[0]), hundredths(gainRange[1])] }),
    ...rest,
  };
}

/**
 * Replaces "excluded" by the search's own reason for nodes that it left in float, and adds its reason for
 * layers in another form.
 */
function explained<T extends NodeStatus & { readonly pass: string }>(
  node: T,
  search: SearchResult | undefined,
): T {
  const reason = search?.reasons.get(node.name);
  if (!search || reason === undefined) return node;
  if (node.reason === "excluded") return { ...node, reason };
  const isDynamic =
    search.forms.dynamicNodes.includes(node.name) && node.pass === search.pass && node.status === "changed";
  return isDynamic ? { ...node, reason: `${node.reason}; ${reason}` } : node;
}

/**
 * The decisions of a run, for its report and for a later run that repeats them.
 * @param run includes whether calibration samples were held out
 */
export function decisionsOf(
  {
    passes,
    search,
    strengths,
    judged,
  }: Pick<RunResult, "passes" | "search" | "strengths"> & { readonly judged: boolean },
  { storedOnly, plainFloat }: Pick<Decisions, "storedOnly" | "plainFloat">,
): Decisions {
  const tried = (kept: boolean): string[] =>
    passes.filter(({ trial }) => trial?.kept === kept).map(({ name }) => name);
  return {
    kept: tried(true),
    takenBack: tried(false),
    ...(search?.forms ?? NO_FORMS),
    storedOnly,
    plainFloat,
    judged,
    ...(strengths ? { strengths } : {}),
  };
}
