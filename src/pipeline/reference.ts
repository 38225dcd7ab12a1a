/** What a compressed model is compared with: its original, or the same model raised to an operator set that the runtime runs. */
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { opsetVersion, type Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";
import { OLDEST_RUN_OPSET } from "../ops/runtime-versions.js";
import { blockersText, upgradeOpset } from "../ops/upgrade/upgrade-opset.js";
import { DEFAULT_TARGET } from "../passes/graph/upgrade-opset.js";
import type { OutputFile } from "./output-file.js";

export interface Reference {
  /** A fresh copy at every call; passes start from it. */
  readonly read: () => Model;
  /** The file that the runtime runs. */
  readonly path: string;
  /** What the report says of it. */
  readonly warnings: readonly Diagnostic[];
  /** Why a model whose operator set is too old for the runtime stays as it is. */
  readonly blocker: string | undefined;
}

/**
 * The original itself from operator set 7 on. Older models are raised, which loses nothing, and the raised one is written
 * aside; one that cannot be raised is taken as it is, because the runtime runs some of them all the same.
 */
export async function referenceOf(read: () => Model, original: Model, originalPath: string, files: OutputFile): Promise<Reference> {
  const from = opsetVersion(original);
  const plain: Reference = { read, path: originalPath, warnings: [], blocker: undefined };
  if (from === 0 || from >= OLDEST_RUN_OPSET) return plain;
  const raised = (): Model => {
    const model = read();
    upgradeOpset(model, DEFAULT_TARGET);
    return model;
  };
  const model = read();
  const { blockers } = upgradeOpset(model, DEFAULT_TARGET);
  if (blockers.length > 0) return { ...plain, blocker: `The model stays at operator set ${from}, and onnxruntime runs sets from ${OLDEST_RUN_OPSET} on: ${blockersText(blockers)}` };
  const path = await files.path("raised");
  writeModel(model, path);
  return { read: raised, path, warnings: [raisedWarning(from)], blocker: undefined };
}

function raisedWarning(from: number): Diagnostic {
  return {
    id: "compress/raised-original", severity: "warning",
    message: `onnxruntime does not run operator set ${from}: compared with the same model raised to ${DEFAULT_TARGET}.`,
  };
}

/** The runtime's refusal of a model that could not be raised, with the reason. */
export function explained(error: unknown, { blocker }: Reference): unknown {
  if (blocker === undefined || !(error instanceof EdgecError) || error.code !== "MODEL_REJECTED") return error;
  return new EdgecError(error.code, `${error.message}. ${blocker}`, { cause: error });
}
