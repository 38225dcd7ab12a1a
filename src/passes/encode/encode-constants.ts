/** Encodes the constants of a model: finds those that may be encoded, edits the graph and reports both. */
import type { Diagnostic } from "../../diagnostics.js";
import { groupBy } from "../../group-by.js";
import type { FunctionDef, GraphEditor, Model } from "../../ir/index.js";
import { bytesText } from "../../units.js";
import type { PassContext } from "../contract.js";
import { addFunctions, functionDomain } from "./chain-functions.js";
import type { ChainStructure } from "./chain-structures.js";
import { emptyResult, keep, type EncodingLimits, type EncodingResult } from "./encoding-result.js";
import { ENCODING_OPSET } from "./folding-facts.js";
import { FormOptions, type FormOption } from "./form-options.js";
import { FreeNames } from "./free-names.js";
import { bearableChains, keptDense } from "./many-chains.js";
import { findPlaces, type Place } from "./places.js";
import { functionsOf, selectForms } from "./selection.js";
import { StoredForms } from "./stored-forms.js";
import { functionWireSize, opsetWireSize } from "./wire-size.js";
import { encodeGraph, keepDense } from "./write-places.js";
import { option } from "../../option-names.js";

/** Encodes the constants of all graphs, in place. */
export async function encodeConstants(
  model: Model,
  editors: readonly GraphEditor[],
  limits: EncodingLimits,
  advance?: PassContext["advance"],
): Promise<EncodingResult> {
  const result = emptyResult();
  const known = { forms: new StoredForms(model), options: new FormOptions() };
  const places: Place[] = [];
  for (const [graph, editor] of editors.entries())
    for (const place of await findPlaces({ editor, graph, ...known }, limits, result, advance))
      places.push(place);
  const isTooOld = limits.opset < ENCODING_OPSET;
  const domain = limits.functions && !isTooOld ? functionDomain(model) : undefined;
  const selected = await selectForms(
    places.map(({ choice }) => choice),
    limits.opset,
    domain,
    advance,
  );
  if (isTooOld) {
    places.forEach((place, i) => keepForOpset(result, place, selected.picks[i], limits.opset));
    return result;
  }
  const slow = limits.anyLoad ? new Set<Place>() : keptDense(places, selected.picks, bearableChains(editors));
  const picks = selected.picks.map((pick, i) => (slow.has(places[i]!) ? undefined : pick));
  if (slow.size > 0) result.diagnostics.push(slowDiagnostic(places, selected.picks, picks));
  const selection = { ...selected, picks };
  const functions =
    domain === undefined
      ? new Map<ChainStructure, FunctionDef>()
      : functionsOf(selection, limits.opset, domain);
  const names = new FreeNames(model);
  const picked = places.map((place, i) => ({ place, pick: picks[i], isSlow: slow.has(place) }));
  const whole = { model, names, functions, result, opset: limits.opset };
  for (const [editor, own] of groupBy(picked, ({ place }) => place.editor)) encodeGraph(editor, own, whole);
  if (domain !== undefined && functions.size > 0) {
    addFunctions(model, domain, [...functions.values()]);
    result.bytesAfter += [...functions.values()].reduce(
      (sum, fn) => sum + functionWireSize(fn),
      opsetWireSize({ domain, version: 1n }),
    );
  }
  return result;
}

function slowDiagnostic(
  places: readonly Place[],
  all: readonly (FormOption | undefined)[],
  left: readonly (FormOption | undefined)[],
): Diagnostic {
  let [count, bytes] = [0, 0];
  for (const [i, { choice }] of places.entries()) {
    const pick = left[i] ? undefined : all[i];
    if (!pick) continue;
    count++;
    bytes += choice.denseBytes - pick.callBytes;
  }
  return {
    id: "encode-weights/slow-to-load",
    severity: "warning",
    message:
      `${count} small constants stay dense: stored compactly they would save about ${bytesText(bytes)}, but the ` +
      "model has so many of different shapes that it would load several times slower. " +
      `Use ${option("storage", "smallest")} to store them compactly all the same.`,
  };
}

/** There are no groups where the operator set is too old. */
function keepForOpset(
  result: EncodingResult,
  place: Place,
  pick: FormOption | undefined,
  opset: number,
): void {
  if (!pick) {
    keepDense(result, place);
    return;
  }
  const { choice, source, members } = place;
  const draft = source.draft(pick.index);
  result.missedBytes += choice.denseBytes - draft.bytes;
  for (const { tensor, user } of members)
    keep(
      result,
      tensor,
      user,
      `operator set ${opset} lacks the operators: ` +
        `from ${ENCODING_OPSET} on ${draft.form} takes ${draft.bytes} of ${choice.denseBytes} bytes`,
    );
}
