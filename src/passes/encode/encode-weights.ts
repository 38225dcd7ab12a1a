/**
 * encode-weights: stores constants in fewer bytes, as operators that onnxruntime computes once at load.
 *
 *   W (dense)   →   codes ─▶ Cast ─▶ … ─▶ Gather(table) ─▶ W
 *
 * Lossless: the chain computes exactly the original bytes, and inference runs on the same dense constant as
 * before (measured in folding-facts.ts). For each tensor, takes the smallest of these forms, dense included:
 * one value everywhere; a narrower float type that holds every value; a table of few
 * values with packed indices; gap coding (Han et al., "Deep Compression", 2016) and bit masks for pruned
 * tensors, with a table or plain values. The decoded constant keeps its name, so nothing that uses it
 * changes. Chains of the same operators are written once, as a function of the model. Many small tensors of one
 * shape and kind are packed together, and a Split divides what their one chain makes.
 *
 * Handles float32, float16, int8 and uint8 initializers of any scope. Skips graph outputs, defaults of
 * graph inputs, inputs of custom operators, operator sets before 11, tensors beyond the folding limit (1
 * GiB). Must come last: passes after it see codes instead of weights, and a tool that folds constants
 * restores the dense form. Constants that unpack-weights made dense return to their old form if that is the
 * smallest. A runtime that does not fold constants decodes at every inference; use `storage: "plain"` there.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { GraphEditor, nodeLabel, opsetVersion } from "../../ir/index.js";
import type { Model } from "../../ir/index.js";
import type { PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { encodeConstants } from "./encode-constants.js";
import { ENCODING_OPSET } from "./folding-facts.js";
import { stageChains, type StageCount } from "./load-stages.js";

/** The ways to choose forms. */
type Storage = "auto" | "smallest" | "plain";

export interface EncodeWeightsOptions {
  /**
   * "auto" weighs the size in the file against memory while loading; "smallest" counts bytes of the file
   * alone; "plain" leaves every constant dense, for runtimes that do not fold constants.
   */
  readonly storage: Storage;
  /** Tensors of fewer bytes stay dense. */
  readonly minBytes: number;
  /** A form must save at least this share of the tensor's bytes. */
  readonly minSaving: number;
  /**
   * Chains of the same operators become a function where that is smaller. Needs onnxruntime 1.17 to be
   * folded.
   */
  readonly functions: boolean;
  /** Names of constants, or of nodes whose constants stay dense. */
  readonly exclude: readonly string[];
}

export const encodeWeights = definePass<EncodeWeightsOptions>({
  name: "encode-weights",
  description: "Store constants as codes, tables and gaps that onnxruntime unfolds once at load",
  flag: {
    syntax: "--storage <form>",
    help:
      "how constants are stored: auto (small file, little memory to load), smallest (smallest file, whatever " +
      "loading takes), plain (dense, for runtimes that do not fold constants) or int8",
    parse: (value) => ({ storage: parseStorage(value) }),
  },
  lossy: false,
  defaults: { storage: "auto", minBytes: 256, minSaving: 0.02, functions: true, exclude: [] },
  validate: ({ storage, minBytes, minSaving }) => {
    parseStorage(storage);
    if (!(minBytes >= 0))
      throw new EdgecError("BAD_OPTION", `encode-weights: minBytes must be 0 or more, not ${minBytes}.`);
    if (!(minSaving >= 0 && minSaving < 1))
      throw new EdgecError(
        "BAD_OPTION",
        `encode-weights: minSaving must be from 0 to below 1, not ${minSaving}.`,
      );
  },
  run: (model, options, context) =>
    options.storage === "plain"
      ? { modified: false, stats: {}, nodes: [], diagnostics: [] }
      : encodeModel(model, options, context),
});

const STORAGE: readonly Storage[] = ["auto", "smallest", "plain"];

function parseStorage(value: string): Storage {
  const known = STORAGE.find((name) => name === value);
  if (known !== undefined) return known;
  throw new EdgecError(
    "BAD_OPTION",
    `storage must be "auto", "smallest" or "plain", not "${value}".${suggestion(value, STORAGE)}`,
  );
}

async function encodeModel(
  model: Model,
  options: EncodeWeightsOptions,
  { advance }: PassContext,
): Promise<PassResult> {
  const editors = GraphEditor.forModel(model);
  refuseUnmatched(editors, options.exclude);
  const opset = opsetVersion(model);
  const result = await encodeConstants(
    model,
    editors,
    { ...options, opset, exclude: new Set(options.exclude), anyLoad: options.storage === "smallest" },
    advance,
  );
  const staged = options.storage === "auto" && options.functions ? stageMain(model, editors) : undefined;
  return {
    modified: result.encodedTensors > 0 || (staged?.stages ?? 1) > 1,
    stats: {
      encodedTensors: result.encodedTensors,
      ...(result.groups > 0 ? { tensorGroups: result.groups } : {}),
      bytesBefore: result.bytesBefore,
      bytesAfter: result.bytesAfter,
      ...(staged && staged.stages > 1 ? { loadStages: staged.stages } : {}),
      ...Object.fromEntries([...result.kinds].map(([kind, n]) => [`${kind}Tensors`, n])),
    },
    nodes: result.nodes,
    diagnostics: [...result.diagnostics, ...opsetDiagnostic(opset, result.missedBytes)],
  };
}

/** Chains are decoded in stages where the model is large; like functions, that needs onnxruntime 1.17. */
function stageMain(model: Model, [main]: readonly GraphEditor[]): StageCount | undefined {
  return main && opsetVersion(model) >= ENCODING_OPSET ? stageChains(model, main) : undefined;
}

function refuseUnmatched(editors: readonly GraphEditor[], exclude: readonly string[]): void {
  const known = new Set(
    editors.flatMap(({ graph }) => [
      ...graph.initializers.map((t) => t.name ?? ""),
      ...graph.nodes.map(nodeLabel),
    ]),
  );
  const unmatched = exclude.find((name) => !known.has(name));
  if (unmatched === undefined) return;
  throw new EdgecError(
    "UNMATCHED_SELECTOR",
    `encode-weights: "${unmatched}" is neither a constant nor a node of the model.${suggestion(unmatched, known)}`,
  );
}

function opsetDiagnostic(opset: number, missedBytes: number): Diagnostic[] {
  if (missedBytes === 0) return [];
  return [
    {
      id: "encode-weights/old-opset",
      severity: "warning",
      message:
        `The model uses operator set ${opset}, which lacks the operators that stored forms need. ` +
        `Upgrade it to ${ENCODING_OPSET} or later to save ${missedBytes} bytes.`,
    },
  ];
}
