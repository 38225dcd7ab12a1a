/**
 * Caches measurements that a run requests again: a trial and the search after it use the same model, and all
 * trials use the same reference.
 */
import { calibrate, type CalibrationOptions } from "../calibration/calibrate.js";
import type { Logger } from "../diagnostics.js";
import { requestKey, type Statistics } from "../numeric/statistics.js";
import { ModelKeys } from "./model-keys.js";

/**
 * Answers to keep: those of the last few models. A histogram takes 16 KiB, and a large network has hundreds.
 */
const MAX_ANSWERS = 8;

export class MeasurementCache {
  private readonly keys = new ModelKeys();
  /** The latest last. */
  private readonly answers = new Map<string, Statistics>();

  constructor(private readonly logger: Logger) {}

  /**
   * As `calibrate`, which runs only where the same was not measured before.
   * @param data identifies the dataset within a run
   */
  async measure(options: CalibrationOptions, data: string): Promise<Statistics> {
    // Gram matrices take tens of megabytes each, and none is requested twice.
    if (options.requests.some(({ kind }) => kind === "gram")) return calibrate(options);
    const key = JSON.stringify([
      data,
      this.keys.of(options.model),
      [...new Set(options.requests.map(requestKey))].sort(),
    ]);
    const known = this.answers.get(key);
    if (known) this.logger.debug?.("reusing an earlier measurement");
    const answer = known ?? (await calibrate(options));
    this.answers.delete(key);
    this.answers.set(key, answer);
    for (const oldest of this.answers.keys())
      if (this.answers.size > MAX_ANSWERS) this.answers.delete(oldest);
    return answer;
  }
}
