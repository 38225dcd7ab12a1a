/** Applies a device profile to the options of a run, and warns of what the device does not allow. */
import type { Diagnostic } from "../diagnostics.js";
import { encodeWeights } from "../passes/encode/encode-weights.js";
import type { Int8Format } from "../passes/quantize/setup/int8-formats.js";
import { quantizeInt8, type QuantizeInt8Options } from "../passes/quantize/quantize-int8.js";
import {
  detect,
  GENERIC,
  operatorsWithoutKernel,
  resolveTarget,
  takesChannelScales,
  thisMachine,
  type Target,
  type TargetProfile,
  type WeightRange,
  type Device,
} from "../targets/index.js";
import { bytesText } from "../units.js";
import type { SizeComparison } from "../verify/index.js";
import type { CompressOptions } from "./compress-options.js";
import { replacesRecipe } from "./pass-list.js";
import { listsPass } from "./pass-names.js";
import { option } from "../option-names.js";

/** The options of a run, and whether the machine that it runs on has the native runtime. */
export interface PlacedOptions extends CompressOptions {
  /**
   * The native runtime is not installed. Times then come from another runtime, or are not taken at all, so
   * they say nothing about any device.
   */
  readonly lacksNativeRuntime?: boolean;
}

/** The device as it appears in the report. */
export interface ReportedTarget {
  readonly name: string;
  readonly description: string;
  /**
   * For "native": why this machine has that profile. For a file: its path. Null for a profile that was chosen
   * by its name.
   */
  readonly origin: string | null;
  readonly weightRange: WeightRange;
  /** Memory that the device has for the model, in bytes; null if the profile sets no limit. */
  readonly memoryBytes: number | null;
  /**
   * Whether times measured on this machine apply to the device. Always true for "generic". Always false
   * without the native runtime; the device's table of costs is used instead.
   */
  readonly isThisMachine: boolean;
}

/**
 * Looks up the target. In the options that are returned, `target` is the profile itself, and `minOrt` and
 * `threads` are the profile's unless they were given. Throws as `resolveTarget`.
 */
export function withTarget(options: PlacedOptions): {
  readonly options: PlacedOptions;
  readonly target: ReportedTarget;
} {
  const target = resolveTarget(options.target);
  const { minOrt, threads } = target.profile;
  const defaults = {
    ...(minOrt === undefined ? {} : { minOrt }),
    ...(threads === undefined ? {} : { threads }),
  };
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as PlacedOptions;
  return {
    options: { ...defaults, ...given, target: target.profile },
    target: reportedTarget(target, options),
  };
}

function reportedTarget(
  { profile, origin }: Target,
  { lacksNativeRuntime = false }: PlacedOptions,
): ReportedTarget {
  const { name, description, weightRange, memoryBytes } = profile;
  return {
    name,
    description,
    origin: origin ?? null,
    weightRange,
    memoryBytes: memoryBytes ?? null,
    isThisMachine: !lacksNativeRuntime && isThisMachine(profile),
  };
}

const SATURATION: Readonly<Record<WeightRange, QuantizeInt8Options["saturation"]>> = {
  "pair-guard": "guard",
  full: "ignore",
  "seven-bit": "seven-bit",
};

/** The options of quantize-int8 in which the profile differs from the pass's defaults. */
export function int8Options(
  { passes, int8, flags, perChannel }: CompressOptions,
  { weightRange, formats, floatOperators, kernels }: TargetProfile,
): Partial<QuantizeInt8Options> {
  const isInRecipe = !replacesRecipe(passes) && (int8 === true || flags?.int8 !== undefined);
  const runs = isInRecipe || listsPass(passes, quantizeInt8.definition.name);
  if (!runs) return {};
  const { defaults } = quantizeInt8.definition;
  const saturation = SATURATION[weightRange];
  const stayFloat = [...new Set([...floatOperators, ...operatorsWithoutKernel(kernels)])];
  const taken = defaults.formats.filter((format: Int8Format) => formats.includes(format));
  return {
    ...(saturation === defaults.saturation ? {} : { saturation }),
    ...(taken.length === defaults.formats.length ? {} : { formats: taken }),
    ...(stayFloat.length === 0 ? {} : { floatOperators: stayFloat }),
    ...(perChannel === undefined && !takesChannelScales(kernels) ? { perChannel: false } : {}),
  };
}

/** Whether times are measured here and apply to the target: it is "generic" or this machine's own profile. */
export function isTimed({ target, verify, lacksNativeRuntime = false }: PlacedOptions): boolean {
  return verify !== false && !lacksNativeRuntime && isThisMachine(resolveTarget(target).profile);
}

function isThisMachine({ name }: TargetProfile): boolean {
  return name === GENERIC.name || name === detect(thisMachine()).profile;
}

/** The target, if times measured on this machine do not apply to it. */
export function otherDevice({
  target,
  lacksNativeRuntime = false,
}: Pick<PlacedOptions, "target" | "lacksNativeRuntime">): Device | undefined {
  const { profile } = resolveTarget(target);
  return isThisMachine(profile) && !lacksNativeRuntime
    ? undefined
    : { name: profile.name, costs: profile.costs };
}

/**
 * Which stored forms the target's runtime does not unfold when it loads a model: all, or those within functions.
 * Undefined if it unfolds all, or if this run does not choose how constants are stored.
 */
export function unfoldedForms(
  { passes }: CompressOptions,
  { formats }: TargetProfile,
): "all" | "functions" | undefined {
  if (!encodes(passes)) return undefined;
  return !formats.includes("stored-weights")
    ? "all"
    : !formats.includes("stored-functions")
      ? "functions"
      : undefined;
}

/** Whether the run includes the pass that chooses how constants are stored. */
export function encodes(passes: CompressOptions["passes"]): boolean {
  return !replacesRecipe(passes) || listsPass(passes, encodeWeights.definition.name);
}

/** Warns that the gate on slowdown was checked with times that do not apply to the target. */
export function slowdownWarnings(
  { name, isThisMachine }: ReportedTarget,
  { maxSlowdown, lacksNativeRuntime = false }: PlacedOptions,
): Diagnostic[] {
  if (isThisMachine || maxSlowdown === undefined) return [];
  const message = lacksNativeRuntime
    ? `${option("maxSlowdown")} was not checked in the native runtime, because it is not installed. ` +
      "The times of other runtimes differ."
    : `${option("maxSlowdown")} was checked on this machine, not on ${name}. Times on that device differ.`;
  return [{ id: "compress/slowdown-elsewhere", severity: "warning", message }];
}

/** Warns of a file that is larger than the device's memory. Weights unfold at load, so the model takes even more. */
export function memoryWarnings(
  { name, memoryBytes }: ReportedTarget,
  { compressed }: SizeComparison,
): Diagnostic[] {
  if (memoryBytes === null || compressed.raw <= memoryBytes) return [];
  const message =
    `The compressed model takes ${bytesText(compressed.raw)}, but the target ${name} has only ` +
    `${bytesText(memoryBytes)} of memory for it.`;
  return [{ id: "compress/beyond-memory", severity: "warning", message }];
}
