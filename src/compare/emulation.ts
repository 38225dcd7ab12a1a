/** Emulates the compressed model on a processor that saturates sums of pairs in 16 bits. */
import type { Diagnostic, Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { readModel, writeModel } from "../onnx/index.js";
import type { NodeStatus } from "../passes/contract.js";
import { emulatePairSums, LOADING_PASSES } from "../passes/emulate/emulate-pair-sums.js";
import { plural } from "../units.js";
import { resolveTarget, SATURATING, type TargetProfile } from "../targets/index.js";
import { RuntimeEvaluator } from "../run/ort-evaluator.js";
import type { OutputFile } from "../output/output-file.js";
import { option } from "../option-names.js";

/** The emulation as shown in the report. */
export interface Emulation {
  /** The processor. */
  readonly target: string;
  /**
   * Pairs of int8 weights that are multiplied by activation codes, and how many of them saturate for some
   * inputs.
   */
  readonly pairs: number;
  readonly pairsAtRisk: number;
  /** Layers whose saturation was computed, and layers at risk whose form is not emulated. */
  readonly layersAtRisk: number;
  readonly layersNotCovered: number;
}

export interface EmulatedModel {
  /** A temporary file. */
  readonly path: string;
  readonly emulation: Emulation;
  readonly nodes: readonly NodeStatus[];
  readonly warnings: readonly Diagnostic[];
}

/**
 * Throws EdgecError BAD_OPTION for a target whose kernels do not saturate, and whatever `resolveTarget`
 * throws.
 */
export function emulatedProfile(target: string | TargetProfile): TargetProfile {
  const { profile } = resolveTarget(target);
  if (profile.weightRange === "pair-guard") return profile;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("emulate", profile.name)}: its kernels add in 32 bits, so there is nothing to ` +
      `emulate. Use ${option("emulate")} with ${SATURATING.join(" or ")}, or leave it out.`,
  );
}

/** Unpacks weights that are stored as codes first, as onnxruntime does at load. */
export async function emulate(
  compressedPath: string,
  profile: TargetProfile,
  files: OutputFile,
  logger: Logger,
): Promise<EmulatedModel> {
  logger.progress?.({ step: `emulate ${profile.name}`, done: 0 });
  const model = readModel(compressedPath);
  const evaluator = new RuntimeEvaluator();
  try {
    for (const pass of LOADING_PASSES) await pass().run(model, { statistics: undefined, evaluator, seed: 0 });
  } finally {
    await evaluator.close();
  }
  const { stats, nodes } = emulatePairSums(model);
  const path = await files.path("emulated");
  writeModel(model, path);
  const { pairs = 0, pairsAtRisk = 0, layersAtRisk = 0, layersNotCovered = 0 } = stats;
  return {
    path,
    emulation: { target: profile.name, pairs, pairsAtRisk, layersAtRisk, layersNotCovered },
    nodes,
    warnings: notCovered(layersNotCovered, nodes),
  };
}

function notCovered(count: number, nodes: readonly NodeStatus[]): Diagnostic[] {
  if (count === 0) return [];
  const names = nodes
    .filter(({ reason }) => reason.includes("not emulated"))
    .slice(0, 3)
    .map(({ name }) => name);
  const message =
    `The saturation of ${plural(count, "layer")} is not emulated ` +
    `(${names.join(", ")}${count > names.length ? ", …" : ""}): the figures may be ` +
    "better than on such a processor.";
  return [{ id: "emulate/not-covered", severity: "warning", message }];
}
