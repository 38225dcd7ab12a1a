/**
 * Options and warnings of `verify --across`, which runs a model in several runtimes and at several
 * optimization levels.
 */
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError, sentence, suggestion } from "../errors.js";
import { number, textList } from "../option-checks.js";
import { type KeysOf, refuseUnknown } from "../option-keys.js";
import { decibelText, percentText } from "../units.js";
import {
  LEVELS,
  RUNTIMES,
  type Across,
  type AcrossOptions,
  type Combination,
  type Fidelity,
} from "../verify/index.js";
import { option } from "../option-names.js";

/**
 * Below this SQNR, outputs differ by more than the order of sums: float models stayed above 130 dB. int8
 * models gave 51 to 145 dB (`npm run bench -- across`), since a value half way between two codes may round
 * either way.
 */
const ROUNDING_DB = 60;

const ACROSS_KEYS = { runtimes: textList, levels: textList, samples: number } satisfies KeysOf<AcrossOptions>;

/** Throws EdgecError BAD_OPTION for an unknown runtime or level, and for an invalid number of samples. */
export function requireAcross(given: AcrossOptions): void {
  refuseUnknown("across", ACROSS_KEYS, given);
  const { runtimes, levels, samples } = given;
  requireWords(option("across.runtimes"), runtimes, RUNTIMES);
  requireWords(option("across.levels"), levels, LEVELS);
  if (samples === undefined || (Number.isSafeInteger(samples) && samples >= 1)) return;
  throw new EdgecError(
    "BAD_OPTION",
    `across: the number of samples must be a whole number, 1 or more, not ${samples}.`,
  );
}

function requireWords(flag: string, given: readonly string[] | undefined, known: readonly string[]): void {
  if (given?.length === 0)
    throw new EdgecError("BAD_OPTION", `${flag} is empty. Give ${known.join(", ")}, separated by commas.`);
  const unknown = given?.find((word) => !known.includes(word));
  if (unknown !== undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${flag} takes ${known.join(", ")}, not "${unknown}".${suggestion(unknown, known)}`,
    );
}

/**
 * Gives one warning per kind of problem, which names the combinations that have it.
 * @param fidelity of the compressed model to the original, as a scale for the differences
 */
export function acrossWarnings({ combinations, samples }: Across, fidelity: Fidelity | null): Diagnostic[] {
  const reference = combinations.find(({ status }) => status === "reference");
  const against = reference
    ? `${placeText(reference)} on ${samples === 1 ? "the sample" : `${samples} samples`}`
    : "";
  const compared = combinations.filter(({ status }) => status === "compared");
  const named = (some: readonly Combination[], detail: (one: Combination) => string): string =>
    some.map((one) => `${placeText(one)}: ${detail(one)}`).join("; ");
  const warning = (id: string, some: readonly Combination[], message: string): Diagnostic[] =>
    some.length === 0 ? [] : [{ id: `across/${id}`, severity: "warning", message }];

  const flipped = compared.filter((one) => (one.flipped ?? 0) > 0);
  const otherSize = compared.filter(({ outputs }) =>
    Object.values(outputs).some((output) => output.otherSize > 0),
  );
  const differing = compared.filter(differs);
  const refused = combinations.filter(({ status }) => status === "refused");
  const missing = combinations.filter(
    ({ status }, k) =>
      status === "missing" &&
      combinations.findIndex((other) => other.runtime === combinations[k]?.runtime) === k,
  );
  return [
    ...warning(
      "flipped",
      flipped,
      `Decisions depend on where the model runs. Compared with ${against}: ` +
        `${named(flipped, ({ flipped: share }) => `${percentText(share ?? 0)} differ`)}.`,
    ),
    ...warning(
      "other-size",
      otherSize,
      `Some runtimes or levels return a different number of results than ${against}: ` +
        `${otherSize.map(placeText).join(", ")}.`,
    ),
    ...warning(
      "differs",
      differing,
      `Outputs depend on where the model runs by more than rounding. Compared with ${against}: ` +
        `${named(differing, ({ sqnrDb }) => decibelText(sqnrDb))}.${compressionText(fidelity)}`,
    ),
    ...warning(
      "refused",
      refused,
      `The model does not run everywhere: ${refused.map(placeText).join(", ")} refused it.`,
    ),
    ...warning(
      "missing",
      missing,
      missing.map(({ runtime, message }) => `${runtime} was left out: ${sentence(message ?? "")}`).join(" "),
    ),
  ];
}

function compressionText(fidelity: Fidelity | null): string {
  const pooled = Object.values(fidelity?.outputs ?? {}).flatMap(({ pooledSqnrDb }) => pooledSqnrDb ?? []);
  const lowest = Math.min(...pooled);
  return Number.isFinite(lowest)
    ? ` For comparison, the compressed model is at ${decibelText(lowest)} against the original.`
    : "";
}

/** Ignores outputs near zero, which compare noise with noise. */
function differs({ outputs }: Combination): boolean {
  return Object.values(outputs).some(
    ({ pooledSqnrDb, nearZero }) => pooledSqnrDb !== null && pooledSqnrDb < ROUNDING_DB && !nearZero,
  );
}

function placeText({ runtime, level }: Combination): string {
  return `${runtime} at level "${level}"`;
}
