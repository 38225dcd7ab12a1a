/** Encodes the constants of a model: finds those that may be encoded, edits the graph and reports both. */
import type { Diagnostic } from "../../diagnostics.js";
import { groupBy } from "../../group-by.js";
import { DataType, storedByteLength } from "../../ir/index.js";
import type { FunctionDef, GraphEditor, Model, Node, Tensor } from "../../ir/index.js";
import type { NodeStatus, PassContext } from "../contract.js";
import { addFunctions, callOf, functionDomain } from "./chain-functions.js";
import type { Draft } from "./decoder-builder.js";
import { ENCODING_OPSET, UINT4_IR_VERSION } from "./folding-facts.js";
import { FreeNames } from "./free-names.js";
import type { ChainStructure } from "./chain-structures.js";
import { FormOptions, loadWeight, type Choice, type FormOption } from "./form-options.js";
import { FormSource } from "./form-source.js";
import { functionsOf, selectForms } from "./selection.js";
import { ENCODABLE_BYTES } from "./storage-forms.js";
import { StoredForms } from "./stored-forms.js";
import { whyDense } from "./why-dense.js";
import { functionWireSize, nodeWireSize, opsetWireSize, tensorWireSize } from "./wire-size.js";

export interface EncodingLimits {
  readonly opset: number;
  readonly minBytes: number;
  readonly minSaving: number;
  readonly functions: boolean;
  /** Whether to ignore memory while loading. */
  readonly anyLoad?: boolean;
  /** Names of constants and nodes. */
  readonly exclude: ReadonlySet<string>;
}

export interface EncodingResult {
  readonly nodes: NodeStatus[];
  readonly diagnostics: Diagnostic[];
  /** Encoded constants by the family of their form. */
  readonly kinds: Map<string, number>;
  encodedTensors: number;
  /** Bytes in the file of the constants considered, and of their new forms, functions included. */
  bytesBefore: number;
  bytesAfter: number;
  /** Bytes that the forms would save if the operator set supported them. */
  missedBytes: number;
}

/** A constant that may be encoded. */
interface Place {
  readonly editor: GraphEditor;
  readonly tensor: Tensor;
  readonly user: Node | undefined;
  readonly source: FormSource;
  readonly choice: Choice;
}

/** Encodes the constants of all graphs, in place. */
export async function encodeConstants(
  model: Model,
  editors: readonly GraphEditor[],
  limits: EncodingLimits,
  advance?: PassContext["advance"],
): Promise<EncodingResult> {
  const result: EncodingResult = {
    nodes: [],
    diagnostics: [],
    kinds: new Map(),
    encodedTensors: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    missedBytes: 0,
  };
  const known = { forms: new StoredForms(model), options: new FormOptions() };
  const places: Place[] = [];
  for (const [graph, editor] of editors.entries())
    for (const place of await findPlaces({ editor, graph, ...known }, limits, result, advance))
      places.push(place);
  const isTooOld = limits.opset < ENCODING_OPSET;
  const domain = limits.functions && !isTooOld ? functionDomain(model) : undefined;
  const selection = await selectForms(
    places.map(({ choice }) => choice),
    limits.opset,
    domain,
    advance,
  );
  if (isTooOld) {
    places.forEach((place, i) => keepForOpset(result, place, selection.picks[i], limits.opset));
    return result;
  }
  const functions =
    domain === undefined
      ? new Map<ChainStructure, FunctionDef>()
      : functionsOf(selection, limits.opset, domain);
  const names = new FreeNames(model);
  const picked = places.map((place, i) => ({ place, pick: selection.picks[i] }));
  for (const [editor, own] of groupBy(picked, ({ place }) => place.editor))
    encodeGraph(editor, own, { model, names, functions, result });
  if (domain !== undefined && functions.size > 0) {
    addFunctions(model, domain, [...functions.values()]);
    result.bytesAfter += [...functions.values()].reduce(
      (sum, fn) => sum + functionWireSize(fn),
      opsetWireSize({ domain, version: 1n }),
    );
  }
  return result;
}

interface PlaceScope {
  readonly editor: GraphEditor;
  readonly graph: number;
  readonly forms: StoredForms;
  readonly options: FormOptions;
}

/** The constants of a graph with their forms; those that must stay dense go to the result with the reason. */
async function findPlaces(
  { editor, graph, forms, options }: PlaceScope,
  limits: EncodingLimits,
  result: EncodingResult,
  advance?: PassContext["advance"],
): Promise<Place[]> {
  const places: Place[] = [];
  const { initializers } = editor.graph;
  for (const [index, tensor] of initializers.entries()) {
    await advance?.(index, initializers.length, "forms");
    const isLarge = ENCODABLE_BYTES.has(tensor.dataType) && storedByteLength(tensor) >= limits.minBytes;
    const users = editor.consumers(tensor.name ?? "");
    const name = tensor.name ?? "";
    // The file already used this form, so it is allowed.
    const form =
      users.length > 0 && !editor.isOutput(name) && !editor.input(name) ? forms.of(tensor) : undefined;
    const obstacle = isLarge ? whyDense(editor, tensor, users, limits.exclude) : undefined;
    if (!form && !isLarge) continue;
    if (obstacle !== undefined && !form) {
      keep(result, tensor, users[0], obstacle.reason);
      if (obstacle.diagnostic) result.diagnostics.push(obstacle.diagnostic);
      continue;
    }
    const denseBytes = tensorWireSize(tensor);
    const opset = isLarge && !obstacle ? Math.max(limits.opset, ENCODING_OPSET) : undefined;
    const source = new FormSource(tensor, opset, form);
    const limitBytes = form ? denseBytes : denseBytes * (1 - limits.minSaving);
    const weight = limits.anyLoad ? 0 : loadWeight(tensor);
    const choice = { denseBytes, limitBytes, options: options.of(source.drafts(), graph, weight) };
    places.push({ editor, tensor, user: users[0], source, choice });
  }
  return places;
}

function keep(result: EncodingResult, tensor: Tensor, user: Node | undefined, reason: string): void {
  result.bytesBefore += tensorWireSize(tensor);
  result.bytesAfter += tensorWireSize(tensor);
  result.nodes.push({ name: tensor.name ?? "", opType: user?.opType ?? "", status: "kept", reason });
}

function keepForOpset(
  result: EncodingResult,
  { tensor, user, choice, source }: Place,
  pick: FormOption | undefined,
  opset: number,
): void {
  if (!pick) {
    keep(result, tensor, user, `dense is smallest: ${choice.denseBytes} bytes`);
    return;
  }
  const draft = source.draft(pick.index);
  result.missedBytes += choice.denseBytes - draft.bytes;
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
}

/** Chains read only constants, so they go to the start of the graph. */
function encodeGraph(
  editor: GraphEditor,
  places: readonly { place: Place; pick: FormOption | undefined }[],
  whole: WholeModel,
): void {
  const { model, names, functions, result } = whole;
  const shared = new Map<string, string>();
  const replaced = new Set<string>();
  const chains: Node[] = [];
  for (const {
    place: { tensor, user, choice, source },
    pick,
  } of places) {
    if (!pick) {
      keep(result, tensor, user, `dense is smallest: ${choice.denseBytes} bytes`);
      continue;
    }
    const draft = source.draft(pick.index);
    const { nodes, constants } = draft.build(names, shared);
    const called = functions.get(pick.chain);
    const chain = called ? [callOf(called, nodes)] : nodes;
    carryAnnotations(tensor, chain);
    for (const constant of constants) editor.addInitializer(constant);
    if (
      constants.some(({ dataType }) => dataType === DataType.UINT4) &&
      (model.irVersion ?? 0n) < UINT4_IR_VERSION
    )
      model.irVersion = UINT4_IR_VERSION;
    chains.push(...chain);
    replaced.add(tensor.name ?? "");
    const bytes = chain.reduce(
      (sum, node) => sum + nodeWireSize(node),
      constants.reduce((sum, constant) => sum + tensorWireSize(constant), 0),
    );
    count(result, tensor, user, draft, bytes);
  }
  if (replaced.size === 0) return;
  editor.removeInitializers(replaced);
  editor.insertBefore(editor.graph.nodes[0], ...chains);
}

function count(
  result: EncodingResult,
  tensor: Tensor,
  user: Node | undefined,
  draft: Draft,
  bytes: number,
): void {
  const before = tensorWireSize(tensor);
  result.encodedTensors++;
  result.kinds.set(draft.kind, (result.kinds.get(draft.kind) ?? 0) + 1);
  result.bytesBefore += before;
  result.bytesAfter += bytes;
  result.nodes.push({
    name: tensor.name ?? "",
    opType: user?.opType ?? "",
    status: "changed",
    reason: `${draft.form}: ${before} → ${bytes} bytes`,
  });
}

/** Moves annotations of the constant to the node that now makes it. */
function carryAnnotations(tensor: Tensor, chain: readonly Node[]): void {
  const last = chain.at(-1);
  if (!last) return;
  if (tensor.docString) last.docString = tensor.docString;
  if (tensor.metadata?.length) last.metadata = tensor.metadata;
}
