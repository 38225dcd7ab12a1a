/**
 * What an original gave on data, kept for further comparisons of the same run on the same data: the original need
 * not be loaded once more for them.
 */
import type { Dataset } from "../data/index.js";
import type { Feed } from "../ir/index.js";
import type { Session, UsedLevel } from "../runtime/index.js";
import { bytesOf } from "./reference-outputs.js";

interface Kept {
  readonly original: string;
  readonly names: readonly string[];
  readonly outputs: readonly Feed[];
  readonly level: UsedLevel;
}

const MOST_SAMPLES = 8;
const MOST_BYTES = 2 ** 20;
const kept = new WeakMap<Dataset, Kept>();

/** Collects the first outputs of an original, as far as they are few and small. */
export class OutputKeeper {
  private readonly outputs: Feed[] = [];
  private bytes = 0;

  add(outputs: Feed): void {
    this.bytes += bytesOf(outputs);
    if (this.bytes <= MOST_BYTES && this.outputs.length < MOST_SAMPLES) this.outputs.push(outputs);
  }

  keep(data: Dataset, facts: Omit<Kept, "outputs">): void {
    kept.set(data, { ...facts, outputs: this.outputs });
  }
}

/**
 * A session that gives the kept outputs, one after the other; undefined if there are too few.
 * @param data gives the same samples each time
 */
export function keptSession(data: Dataset, original: string, names: readonly string[]): Session | undefined {
  const known = kept.get(data);
  const isSame = known?.original === original && known.names.join("\n") === names.join("\n");
  if (!isSame || known.outputs.length < Math.min(MOST_SAMPLES, data.size ?? MOST_SAMPLES)) return undefined;
  let next = 0;
  return {
    inputNames: [],
    outputNames: names,
    run: () => Promise.resolve(known.outputs[next++] ?? {}),
    usedLevel: () => Promise.resolve(known.level),
    release: () => Promise.resolve(),
  };
}
