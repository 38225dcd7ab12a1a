/**
 * The operator sets and IR versions that releases of onnxruntime run, and how to keep a model within them.
 * Measured by loading a one-node model of every operator set and IR version in the CPU build of each release.
 */
import { EdgecError } from "../errors.js";
import { allTensors, DataType, type Model, opsetVersion } from "../ir/index.js";
import { option } from "../option-names.js";

interface RuntimeRelease {
  readonly version: readonly [number, number];
  readonly opset: number;
  readonly ir: number;
}

const RELEASES: readonly RuntimeRelease[] = [
  { version: [1, 15], opset: 19, ir: 9 },
  { version: [1, 17], opset: 20, ir: 9 },
  { version: [1, 18], opset: 21, ir: 10 },
  { version: [1, 21], opset: 22, ir: 10 },
  { version: [1, 23], opset: 23, ir: 11 },
  { version: [1, 24], opset: 25, ir: 13 },
  { version: [1, 25], opset: 26, ir: 13 },
  { version: [1, 32], opset: 28, ir: 14 },
];

/** The oldest operator set that any release runs: most older forms of operators have no kernel. */
export const OLDEST_RUN_OPSET = 7;
/** The newest release that was measured; the table ends with the last release that changed something. */
const NEWEST: readonly [number, number] = [1, 32];

/** The first release that inlines functions before folding constants. */
const FOLDS_FUNCTIONS: readonly [number, number] = [1, 17];

/** The oldest onnxruntime that must run the model. */
interface OldestRuntime {
  /** "1.16" */
  readonly name: string;
  /** Highest operator set and IR version that it reads. */
  readonly opset: number;
  readonly ir: number;
  /** Whether it computes constants in functions once, at load. */
  readonly foldsFunctions: boolean;
}

/**
 * Reads "1.16" or "1.16.3". Throws EdgecError BAD_OPTION for other text, and for untested releases: those
 * before 1.15 and after {@link NEWEST}.
 */
export function oldestRuntime(text: string): OldestRuntime {
  const [, major, minor] = /^v?(\d{1,3})\.(\d{1,4})(?:\.\d+)?$/.exec(text.trim()) ?? [];
  if (major === undefined || minor === undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("minOrt")} must be a version of onnxruntime such as 1.16, not "${text}".`,
    );
  const version = [Number(major), Number(minor)] as const;
  const release = [...RELEASES].reverse().find((candidate) => isAtLeast(version, candidate.version));
  if (!release)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("minOrt")} must be 1.15 or later, not ${text}: older versions were not tested.`,
    );
  if (!isAtLeast(NEWEST, version))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("minOrt")} ${text} is not supported: the newest onnxruntime tested ` +
        `is ${NEWEST.join(".")}. Give that version; later ones run the same models.`,
    );
  return {
    name: `${major}.${minor}`,
    opset: release.opset,
    ir: release.ir,
    foldsFunctions: isAtLeast(version, FOLDS_FUNCTIONS),
  };
}

function isAtLeast(
  [major, minor]: readonly [number, number],
  [wantedMajor, wantedMinor]: readonly [number, number],
): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/**
 * Lowers the model's IR version to one that the runtime reads, if nothing in the model needs a later one.
 * Throws EdgecError BAD_OPTION if the model itself is too new for the runtime.
 * @param where the model's name in messages
 */
export function fitRuntime(model: Model, runtime: OldestRuntime, where: string): void {
  const opset = opsetVersion(model);
  if (opset > runtime.opset) {
    throw new EdgecError(
      "BAD_OPTION",
      `${where}: uses operator set ${opset}, and onnxruntime ${runtime.name} runs ` +
        `${runtime.opset} at most. Export the model for operator set ${runtime.opset}, or ` +
        `give a later ${option("minOrt")}.`,
    );
  }
  if (Number(model.irVersion ?? 0n) <= runtime.ir) return;
  const needed = neededIrVersion(model);
  if (needed > runtime.ir) {
    throw new EdgecError(
      "BAD_OPTION",
      `${where}: uses features of IR version ${needed}, and onnxruntime ${runtime.name} ` +
        `reads ${runtime.ir} at most. Give a later ${option("minOrt")}.`,
    );
  }
  model.irVersion = BigInt(runtime.ir);
}

/** Element types by the IR version that introduced them. */
const TYPES_SINCE: readonly (readonly [number, readonly DataType[]])[] = [
  [9, [DataType.FLOAT8E4M3FN, DataType.FLOAT8E4M3FNUZ, DataType.FLOAT8E5M2, DataType.FLOAT8E5M2FNUZ]],
  [10, [DataType.UINT4, DataType.INT4]],
  [11, [DataType.FLOAT4E2M1]],
  [12, [DataType.FLOAT8E8M0]],
];

/**
 * The lowest IR version with all features that the model uses: types of constants, functions and their
 * overloads, devices.
 */
function neededIrVersion(model: Model): number {
  let needed = model.functions.length > 0 ? 8 : 3;
  if (model.functions.some(({ overload }) => overload !== undefined && overload !== "")) needed = 10;
  if (model.deviceConfigurations.length > 0) needed = 11;
  for (const { dataType } of allTensors(model)) {
    const since =
      TYPES_SINCE.find(([, types]) => types.includes(dataType))?.[0] ??
      (dataType > DataType.FLOAT8E8M0 ? 13 : 3);
    needed = Math.max(needed, since);
  }
  return needed;
}
