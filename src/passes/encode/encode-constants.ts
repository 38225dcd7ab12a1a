/** Encodes the constants of a model: finds those that may be encoded, edits the graph and reports both. */
import type { Diagnostic } from "../../diagnostics.js";
import { groupBy } from "../../group-by.js";
import { DataType } from "../../ir/index.js";
import type { FunctionDef, GraphEditor, Model, Node, Tensor } from "../../ir/index.js";
import { bytesText } from "../../units.js";
import type { PassContext } from "../contract.js";
import { addFunctions, callOf, functionDomain } from "./chain-functions.js";
import type { ChainStructure } from "./chain-structures.js";
import type { Draft } from "./decoder-builder.js";
import { emptyResult, keep, type EncodingLimits, type EncodingResult } from "./encoding-result.js";
import { ENCODING_OPSET, UINT4_IR_VERSION } from "./folding-facts.js";
import { FormOptions, type FormOption } from "./form-options.js";
import { FreeNames } from "./free-names.js";
import { dividedInto } from "./group-source.js";
import { bearableChains, keptDense } from "./many-chains.js";
import { findPlaces, type Place } from "./places.js";
import { functionsOf, selectForms } from "./selection.js";
import { StoredForms } from "./stored-forms.js";
import { functionWireSize, nodeWireSize, opsetWireSize, tensorWireSize } from "./wire-size.js";

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

function keepDense(result: EncodingResult, { members }: Place, isSlow = false): void {
  const why = isSlow ? "its chain would make the model slow to load" : "dense is smallest";
  for (const { tensor, user } of members)
    keep(result, tensor, user, `${why}: ${tensorWireSize(tensor)} bytes`);
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
      "Use --storage smallest to store them compactly all the same.",
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

interface WholeModel {
  readonly model: Model;
  readonly names: FreeNames;
  readonly functions: ReadonlyMap<ChainStructure, FunctionDef>;
  readonly result: EncodingResult;
  readonly opset: number;
}

/** Chains read only constants, so they go to the start of the graph. */
function encodeGraph(
  editor: GraphEditor,
  places: readonly { place: Place; pick: FormOption | undefined; isSlow: boolean }[],
  whole: WholeModel,
): void {
  const shared = new Map<string, string>();
  const replaced = new Set<string>();
  const chains: Node[] = [];
  for (const { place, pick, isSlow } of places) {
    if (!pick) {
      keepDense(whole.result, place, isSlow);
      continue;
    }
    const draft = place.source.draft(pick.index);
    const { nodes, constants } = built(place, draft, pick, shared, whole);
    for (const constant of constants) editor.addInitializer(constant);
    requireTypes(whole.model, constants);
    for (const node of nodes) chains.push(node);
    for (const { tensor } of place.members) replaced.add(tensor.name ?? "");
    const bytes = nodes.reduce(
      (sum, node) => sum + nodeWireSize(node),
      constants.reduce((sum, constant) => sum + tensorWireSize(constant), 0),
    );
    count(whole.result, place, draft, bytes);
  }
  if (replaced.size === 0) return;
  editor.removeInitializers(replaced);
  editor.insertBefore(editor.graph.nodes[0], ...chains);
}

/** The nodes that make the members, with the chain as a call if it is a function. */
function built(
  { members }: Place,
  draft: Draft,
  pick: FormOption,
  shared: Map<string, string>,
  { names, functions, opset }: WholeModel,
): { nodes: Node[]; constants: Tensor[] } {
  const { nodes, constants } = draft.build(names, shared);
  const called = functions.get(pick.chain);
  const asCall = (chain: readonly Node[]): Node[] => (called ? [callOf(called, chain)] : [...chain]);
  if (members.length > 1) {
    const outputs = members.map(({ tensor }) => tensor.name ?? "");
    const { chain, split } = dividedInto(outputs, nodes, names.next(), opset);
    return { nodes: [...asCall(chain), split], constants };
  }
  const chain = asCall(nodes);
  carryAnnotations(members[0]!.tensor, chain);
  return { nodes: chain, constants };
}

function requireTypes(model: Model, constants: readonly Tensor[]): void {
  const has4Bits = constants.some(({ dataType }) => dataType === DataType.UINT4);
  if (has4Bits && (model.irVersion ?? 0n) < UINT4_IR_VERSION) model.irVersion = UINT4_IR_VERSION;
}

/** The members of a group take equal parts of its bytes. */
function count(result: EncodingResult, { members }: Place, draft: Draft, bytes: number): void {
  const isGroup = members.length > 1;
  const form = isGroup ? `packed with others of its shape, ${draft.form}` : draft.form;
  result.encodedTensors += members.length;
  if (isGroup) result.groups++;
  result.kinds.set(draft.kind, (result.kinds.get(draft.kind) ?? 0) + members.length);
  result.bytesAfter += bytes;
  for (const { tensor, user } of members) {
    const before = tensorWireSize(tensor);
    result.bytesBefore += before;
    result.nodes.push({
      name: tensor.name ?? "",
      opType: user?.opType ?? "",
      status: "changed",
      reason: `${form}: ${before} → ${Math.round(bytes / members.length)} bytes`,
    });
  }
}

/** Moves annotations of the constant to the node that now makes it. */
function carryAnnotations(tensor: Tensor, chain: readonly Node[]): void {
  const last = chain.at(-1);
  if (!last) return;
  if (tensor.docString) last.docString = tensor.docString;
  if (tensor.metadata?.length) last.metadata = tensor.metadata;
}
