/** Which profile fits the machine that edgec runs on. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** What is known of a machine, in Node's terms. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** The processor's name, or "". */
  readonly model: string;
  /** Its features as /proc/cpuinfo names them; undefined where there is no such file. */
  readonly features: ReadonlySet<string> | undefined;
}

export interface Detection {
  /** Name of a profile. */
  readonly profile: string;
  /** Why, in words. */
  readonly reason: string;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    model: cpus()[0]?.model.trim() ?? "",
    features: cpuFeatures(),
  };
}

function cpuFeatures(): ReadonlySet<string> | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return featuresIn(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * The features that all cores have, from the text of /proc/cpuinfo: "flags" on x86, "Features" on ARM.
 * Cores may differ (big.LITTLE), and a thread may run on any. Undefined without such a line.
 */
export function featuresIn(cpuinfo: string): ReadonlySet<string> | undefined {
  const cores = [...cpuinfo.matchAll(/^(?:flags|Features)\s*:(.*)$/gm)].map(
    ([, list = ""]) => new Set(list.trim().split(/\s+/)),
  );
  const [first, ...others] = cores;
  return first && new Set([...first].filter((feature) => others.every((core) => core.has(feature))));
}

/** AMX tiles multiply in 32 bits too, and every processor with them has VNNI. */
const VNNI = ["avx512_vnni", "avx_vnni"];
const DOT_PRODUCT = "asimddp";

/** Processors with VNNI by name, for systems that list no features. */
const VNNI_MODELS = /\b1[1-4]th Gen Intel\b|\bCore\(TM\) Ultra\b/;
const DOT_PRODUCT_MODELS = /\bSnapdragon\(?R?\)? X\b|\bNeoverse\b|\bGraviton[2-9]\b|\bApple\b|\bAmpere\b/;

/** Where a feature cannot be told, the profile that is right without it. */
export function detect({ platform, arch, model, features }: Machine): Detection {
  const named = model === "" ? "a processor without a name" : model;
  if (arch === "x64") {
    const feature = VNNI.find((name) => features?.has(name));
    if (feature !== undefined) return { profile: "x64-vnni", reason: `${named} has ${feature}` };
    if (!features && VNNI_MODELS.test(model)) return { profile: "x64-vnni", reason: `${named} has VNNI` };
    return {
      profile: "x64-avx2",
      reason: features ? `${named} has no VNNI` : `${named}: not known to have VNNI`,
    };
  }
  if (arch === "arm64") {
    if (platform === "darwin")
      return { profile: "arm64-dotprod", reason: "Apple's 64-bit processors in Macs have dot products" };
    if (features?.has(DOT_PRODUCT))
      return { profile: "arm64-dotprod", reason: `${named} has ${DOT_PRODUCT}` };
    if (!features && DOT_PRODUCT_MODELS.test(model))
      return { profile: "arm64-dotprod", reason: `${named} has dot products` };
    return {
      profile: "arm64",
      reason: features ? `${named} has no dot products` : `${named}: not known to have dot products`,
    };
  }
  return { profile: "generic", reason: `there is no profile for the architecture ${arch}` };
}
