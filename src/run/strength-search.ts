/** Finds how strong a pass can be before a gate fails, by bisection over its strengths. */

/** One strength that was tried. */
export interface StrengthTrial {
  readonly value: number;
  /** Whether all gates on accuracy held. */
  readonly held: boolean;
}

export interface StrengthChoice {
  /** The option that was varied. */
  readonly option: string;
  /** The strongest value for which the gates held; null if there is none, so that the pass does not run. */
  readonly value: number | null;
  /** In the order in which they were tried. */
  readonly tried: readonly StrengthTrial[];
}

/**
 * The strongest of the values for which the gates hold. Assumes that a stronger value costs more accuracy, so
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
