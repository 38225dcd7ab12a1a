/** Loads a user's ES module as a metric. Its code runs with the user's rights, like any script they start. */
import { statSync } from "node:fs";
import type { Label } from "../data/dataset.js";
import { importUserModule, inUserCall } from "../data/user-code.js";
import { BadDataError, EdgecError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { option } from "../option-names.js";
import { refuseEmptyPath, requireRegularFile } from "../regular-file.js";
import { BUILT_IN_METRICS, type Metric, type MetricMeter } from "./accuracy.js";

/** One evaluated sample, as passed to a metric module: outputs by name, each `{ dataType, dims, data }`. */
export interface ScoredSample {
  readonly outputs: Feed;
  readonly label: Label;
}

interface MetricModule {
  readonly name?: unknown;
  readonly higherIsBetter?: unknown;
  readonly default?: unknown;
  readonly create?: unknown;
}

const EXPECTED =
  "export default function metric(samples) that takes an array of { outputs, label } and returns a number, " +
  "or export function create() that returns { observe(outputs, label), result() }";

function builtInOf(name: string): Metric | undefined {
  return Object.hasOwn(BUILT_IN_METRICS, name) ? BUILT_IN_METRICS[name] : undefined;
}

/**
 * Checks what can be checked of a metric before any work. Throws EdgecError BAD_OPTION for a name that is
 * neither built in nor a file, CANNOT_READ for a path that is not a regular file.
 */
export function requireMetric(nameOrPath: string): void {
  if (builtInOf(nameOrPath)) return;
  refuseEmptyPath(option("metric"), nameOrPath, `${Object.keys(BUILT_IN_METRICS).join(", ")}, or a module`);
  requireRegularFile(nameOrPath);
  const found = statSync(nameOrPath, { throwIfNoEntry: false });
  if (found?.isFile() !== true)
    throw noMetric(nameOrPath, found ? "it is a folder" : "there is no such file");
}

function noMetric(path: string, reason: string, cause?: unknown): EdgecError {
  const names = Object.keys(BUILT_IN_METRICS).join(", ");
  const message = `metric "${path}" is neither built in (${names}) nor a loadable module: ${reason}`;
  return new EdgecError("BAD_OPTION", message, { cause });
}

/**
 * The metric named "top-1" or "top-5", or the one a module defines:
 *
 *     export const name = "WER";              // optional; the file's name otherwise
 *     export const higherIsBetter = false;    // optional; true otherwise
 *     export default function metric(samples) { … return number; }
 *
 * The default function gets all samples at once, so all outputs are kept in memory; `create` streams instead.
 * Throws EdgecError BAD_OPTION for a module that cannot be loaded or is no metric, CANNOT_READ for what is
 * no regular file.
 */
export async function loadMetric(nameOrPath: string): Promise<Metric> {
  const builtIn = builtInOf(nameOrPath);
  if (builtIn) return builtIn;
  requireMetric(nameOrPath);
  const module = await importMetric(nameOrPath);
  const create = meterFactory(module);
  if (!create) throw new EdgecError("BAD_OPTION", `metric ${nameOrPath}: ${EXPECTED}`);
  return {
    name: typeof module.name === "string" ? module.name : nameOrPath,
    higherIsBetter: module.higherIsBetter !== false,
    create: () => guarded(create(), nameOrPath),
  };
}

async function importMetric(path: string): Promise<MetricModule> {
  try {
    return (await importUserModule(path)) as MetricModule;
  } catch (cause) {
    throw noMetric(path, messageOf(cause), cause);
  }
}

type Meter = { observe(outputs: Feed, label: Label): void; result(): unknown };

function meterFactory(module: MetricModule): (() => Meter) | undefined {
  if (typeof module.create === "function") return module.create as () => Meter;
  if (typeof module.default !== "function") return undefined;
  const metric = module.default as (samples: readonly ScoredSample[]) => unknown;
  return () => {
    const samples: ScoredSample[] = [];
    return {
      observe: (outputs, label) => void samples.push({ outputs, label }),
      result: () => metric(samples),
    };
  };
}

/** Turns errors and wrong results of the user's code into errors that name the file. */
function guarded(meter: Meter, path: string): MetricMeter {
  return {
    observe(outputs, label, where) {
      try {
        meter.observe(outputs, label);
      } catch (cause) {
        throw new BadDataError(`metric ${path} failed on ${where}: ${messageOf(cause)}`, { cause });
      }
    },
    async result() {
      let value: unknown;
      try {
        value = await inUserCall(path, "computing its result", () => meter.result());
      } catch (cause) {
        throw new BadDataError(`metric ${path} failed: ${messageOf(cause)}`, { cause });
      }
      if (typeof value !== "number" || !Number.isFinite(value))
        throw new BadDataError(`metric ${path} returned ${String(value)}; it must return a finite number`);
      return value;
    },
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
