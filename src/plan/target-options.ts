/** What a device profile means for the options of a run. */
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

/** The options of a run, with what is known of the machine that it runs on. */
export interface PlacedOptions extends CompressOptions {
  /**
   * Times are taken in another runtime than the native one, or not at all, so that they say nothing of any
   * device.
   */
  readonly lacksNativeRuntime?: boolean;
}

/** The device as it appears in the report. */
export interface ReportedTarget {
  readonly name: string;
  readonly description: string;
  /**
   * Why "native" means this profile, or the file that it was read from; null for a profile asked for by
   * name.
   */
  readonly origin: string | null;
  readonly weightRange: WeightRange;
  /** Bytes that the model may take there; null when the profile sets no limit. */
  readonly memoryBytes: number | null;
  /**
   * Whether times on the machine that ran edgec are those of the device; true of generic. False wherever
   * the native runtime is missing: the table of costs decides then.
   */
  readonly isThisMachine: boolean;
}

/**
 * Throws as `resolveTarget`. The options returned hold the profile itself, and its defaults where none were
 * given.
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

/** Options of quantize-int8 that the profile decides, where they are not that pass's own defaults. */
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

/**
 * Whether times on this machine are taken, and say something about the target: it is this machine, or any.
 */
export function isTimed({ target, verify, lacksNativeRuntime = false }: PlacedOptions): boolean {
  return verify !== false && !lacksNativeRuntime && isThisMachine(resolveTarget(target).profile);
}

function isThisMachine({ name }: TargetProfile): boolean {
  return name === GENERIC.name || name === detect(thisMachine()).profile;
}

/** The target, where times taken here say nothing about it. */
export function otherDevice({
  target,
  lacksNativeRuntime = false,
}: Pick<PlacedOptions, "target" | "lacksNativeRuntime">): Device | undefined {
  const { profile } = resolveTarget(target);
  return isThisMachine(profile) && !lacksNativeRuntime
    ? undefined
    : { name: profile.name, costs: profile.costs };
}

/** Which stored forms the target does not fold at load: all of them, or those within functions. */
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

/** Whether the run chooses how constants are stored. */
export function encodes(passes: CompressOptions["passes"]): boolean {
  return !replacesRecipe(passes) || listsPass(passes, encodeWeights.definition.name);
}

/** A time gate is checked on this machine's times, even if they are not the target's. */
export function slowdownWarnings(
  { name, isThisMachine }: ReportedTarget,
  { maxSlowdown, lacksNativeRuntime = false }: PlacedOptions,
): Diagnostic[] {
  if (isThisMachine || maxSlowdown === undefined) return [];
  const message = lacksNativeRuntime
    ? `${option("maxSlowdown")} was not checked in the native runtime, because it is not installed. ` +
      "Its times differ."
    : `${option("maxSlowdown")} was checked on this machine, not on ${name}. Times differ there.`;
  return [{ id: "compress/slowdown-elsewhere", severity: "warning", message }];
}

/** Stored weights unfold at load, so memory use is at least the file size. */
export function memoryWarnings(
  { name, memoryBytes }: ReportedTarget,
  { compressed }: SizeComparison,
): Diagnostic[] {
  if (memoryBytes === null || compressed.raw <= memoryBytes) return [];
  const message =
    `The compressed model has ${bytesText(compressed.raw)}, but the target ${name} has ` +
    `only ${bytesText(memoryBytes)} of memory for it.`;
  return [{ id: "compress/beyond-memory", severity: "warning", message }];
}
