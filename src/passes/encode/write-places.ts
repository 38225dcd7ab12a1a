/** Writes the chosen forms into a graph: chains, their constants, and the Splits of groups. */
import { DataType } from "../../ir/index.js";
import type { FunctionDef, GraphEditor, Model, Node, Tensor } from "../../ir/index.js";
import { callOf } from "./chain-functions.js";
import type { ChainStructure } from "./chain-structures.js";
import type { Draft } from "./decoder-builder.js";
import { keep, type EncodingResult } from "./encoding-result.js";
import { UINT4_IR_VERSION } from "./folding-facts.js";
import type { FormOption } from "./form-options.js";
import type { FreeNames } from "./free-names.js";
import { dividedInto } from "./group-source.js";
import type { Place } from "./places.js";
import { nodeWireSize, tensorWireSize } from "./wire-size.js";

export interface WholeModel {
  readonly model: Model;
  readonly names: FreeNames;
  readonly functions: ReadonlyMap<ChainStructure, FunctionDef>;
  readonly result: EncodingResult;
  readonly opset: number;
}

/** A constant or a group that has no form that pays. */
export function keepDense(result: EncodingResult, { members }: Place, isSlow = false): void {
  const why = isSlow ? "its chain would make the model slow to load" : "dense is smallest";
  for (const { tensor, user } of members)
    keep(result, tensor, user, `${why}: ${tensorWireSize(tensor)} bytes`);
}

/** Chains read only constants, so they go to the start of the graph. */
export function encodeGraph(
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
