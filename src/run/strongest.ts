/** How strongly a pass may work on a model before a gate fails: bisection over its strengths. */

/** One strength that was tried. */
export interface StrengthTrial {
  readonly value: number;
  /** Whether all gates on accuracy held. */
  readonly held: boolean;
}

export interface StrengthChoice {
  /** The option of the pass that was turned. */
  readonly option: string;
  /** The strongest value that held; null where none did, and the pass does not run. */
  readonly value: number | null;
  /** In the order in which they were tried. */
  readonly tried: readonly StrengthTrial[];
}

/**
 * The strongest of the values whose model holds the gates. A stronger value is taken to cost more accuracy, so
 * that n values take about log₂ n trials.
 * @param values from weak to strong
 */
export async function strongestWithin(
  option: string,
  values: readonly number[],
  holds: (value: number) => Promise<boolean>,
): Promise<StrengthChoice> {
  const tried: StrengthTrial[] = [];
  let [held, failed] = [-1, values.length];
  while (failed - held > 1) {
    const middle = (held + failed) >> 1;
    const value = values[middle]!;
    const isHeld = await holds(value);
    tried.push({ value, held: isHeld });
    if (isHeld) held = middle;
    else failed = middle;
  }
  return { option, value: values[held] ?? null, tried };
}
