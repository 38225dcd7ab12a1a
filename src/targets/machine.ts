/** The machine that edgec runs on. */
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

/** As messages call it. */
export function processorName({ model }: Machine): string {
  return model === "" ? "an unnamed processor" : model;
}
