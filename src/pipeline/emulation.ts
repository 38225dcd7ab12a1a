/** The compressed model as a processor would compute it that saturates sums of pairs in 16 bits. */
import type { Diagnostic, Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { readModel, writeModel } from "../onnx/index.js";
import type { NodeStatus } from "../passes/contract.js";
import { emulatePairSums } from "../passes/emulate/emulate-pair-sums.js";
import { unpackWeights } from "../passes/encode/unpack-weights.js";
import { foldConstants } from "../passes/graph/fold-constants.js";
import { inlineFunctions } from "../passes/graph/inline-functions.js";
import { liftConstants } from "../passes/graph/lift-constants.js";
import { plural } from "../report/units.js";
import { PROFILES, resolveTarget, type TargetProfile } from "../targets/index.js";
import { RuntimeEvaluator } from "./constant-evaluator.js";
import type { OutputFile } from "./output-file.js";

/** What the report tells of it. */
export interface Emulation {
  /** The processor. */
  readonly target: string;
  /** Pairs of int8 weights that are multiplied by codes of activations, and those that saturate for some inputs. */
  readonly pairs: number;
  readonly pairsAtRisk: number;
  /** Layers whose saturation was computed, and those at risk whose form is not emulated. */
  readonly layersAtRisk: number;
  readonly layersNotCovered: number;
}

export interface EmulatedModel {
  /** A file aside. */
  readonly path: string;
  readonly emulation: Emulation;
  readonly nodes: readonly NodeStatus[];
  readonly warnings: readonly Diagnostic[];
}

/** Throws EdgecError BAD_OPTION for a target whose kernels do not saturate, and as `resolveTarget`. */
export function emulatedProfile(target: string | TargetProfile): TargetProfile {
  const { profile } = resolveTarget(target);
  if (profile.weightRange === "pair-guard") return profile;
  const others = PROFILES.filter(({ weightRange }) => weightRange === "pair-guard").map(({ name }) => name);
  throw new EdgecError("BAD_OPTION", `--emulate ${profile.name}: its kernels add in 32 bits, so there is nothing to emulate. Emulate ${others.join(" or ")}, or compare without it.`);
}

/** Weights that are stored as codes are unpacked first, as onnxruntime does at load. */
export async function emulate(compressedPath: string, profile: TargetProfile, files: OutputFile, logger: Logger): Promise<EmulatedModel> {
  logger.progress?.({ step: `emulate ${profile.name}`, done: 0 });
  const model = readModel(compressedPath);
  const evaluator = new RuntimeEvaluator();
  try {
    for (const pass of [liftConstants(), unpackWeights(), inlineFunctions(), foldConstants()]) await pass.run(model, { statistics: undefined, evaluator, seed: 0 });
  } finally {
    await evaluator.close();
  }
  const { stats, nodes } = emulatePairSums(model);
  const path = await files.path("emulated");
  writeModel(model, path);
  const { pairs = 0, pairsAtRisk = 0, layersAtRisk = 0, layersNotCovered = 0 } = stats;
  return { path, emulation: { target: profile.name, pairs, pairsAtRisk, layersAtRisk, layersNotCovered }, nodes, warnings: notCovered(layersNotCovered, nodes) };
}

function notCovered(count: number, nodes: readonly NodeStatus[]): Diagnostic[] {
  if (count === 0) return [];
  const names = nodes.filter(({ reason }) => reason.includes("not emulated")).slice(0, 3).map(({ name }) => name);
  const message = `The saturation of ${plural(count, "layer")} is not emulated (${names.join(", ")}${count > names.length ? ", …" : ""}): the figures may be better than on such a processor.`;
  return [{ id: "emulate/not-covered", severity: "warning", message }];
}
