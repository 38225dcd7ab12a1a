/** Encoding the constants of one graph: which may be encoded, what each became, and the edits. */
import type { Diagnostic } from "../../diagnostics.js";
import { DataType, elementCount, nodeLabel, storedByteLength } from "../../ir/index.js";
import type { GraphEditor, Node, Tensor } from "../../ir/index.js";
import type { NodeStatus } from "../contract.js";
import type { Draft } from "./draft.js";
import { ENCODING_OPSET, MAX_FOLDABLE_ELEMENTS } from "./folding-facts.js";
import type { FreeNames } from "./free-names.js";
import { ENCODABLE_BYTES, smallestForm } from "./storage-forms.js";
import { tensorWireSize } from "./wire-size.js";

export interface EncodingLimits {
  readonly opset: number;
  readonly minBytes: number;
  readonly minSaving: number;
  /** Names of constants and nodes. */
  readonly exclude: ReadonlySet<string>;
}

/** What is gathered over all graphs of a model. Bytes are those of the constants looked at, as in the file. */
export class EncodingTally {
  readonly nodes: NodeStatus[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly byKind = new Map<string, number>();
  bytesBefore = 0;
  bytesAfter = 0;
  usesUint4 = false;
  /** What the forms would save if the operator set had them. */
  missedBytes = 0;

  kept(tensor: Tensor, user: Node | undefined, reason: string): void {
    const bytes = tensorWireSize(tensor);
    this.bytesBefore += bytes;
    this.bytesAfter += bytes;
    this.nodes.push({ name: tensor.name ?? "", opType: user?.opType ?? "", status: "kept", reason });
  }

  changed(tensor: Tensor, user: Node | undefined, draft: Draft): void {
    const before = tensorWireSize(tensor);
    this.bytesBefore += before;
    this.bytesAfter += draft.bytes;
    this.byKind.set(draft.kind, (this.byKind.get(draft.kind) ?? 0) + 1);
    this.nodes.push({ name: tensor.name ?? "", opType: user?.opType ?? "", status: "changed", reason: `${draft.form}: ${before} → ${draft.bytes} bytes` });
  }
}

/** Encodes what gets smaller. Chains go to the start of the graph; they need nothing but constants. */
export function encodeGraph(editor: GraphEditor, limits: EncodingLimits, names: FreeNames, tally: EncodingTally): void {
  const shared = new Map<string, string>();
  const replaced = new Set<string>();
  const chains: Node[] = [];
  const constants: Tensor[] = [];
  for (const tensor of editor.graph.initializers) {
    if (!ENCODABLE_BYTES.has(tensor.dataType) || storedByteLength(tensor) < limits.minBytes) continue;
    const users = editor.consumers(tensor.name ?? "");
    const draft = chooseForm(editor, tensor, users, limits, { nameAt: (k) => names.at(k), firstFree: names.firstFree, shared }, tally);
    if (!draft) continue;
    names.take(draft.namesUsed);
    for (const [key, name] of draft.newShared) shared.set(key, name);
    tally.changed(tensor, users[0], draft);
    carryAnnotations(tensor, draft);
    replaced.add(tensor.name ?? "");
    chains.push(...draft.nodes);
    constants.push(...draft.tensors());
  }
  if (replaced.size === 0) return;
  tally.usesUint4 ||= constants.some((constant) => constant.dataType === DataType.UINT4);
  editor.removeInitializers(replaced);
  for (const constant of constants) editor.addInitializer(constant);
  editor.insertBefore(editor.graph.nodes[0], ...chains);
}

/** The form to take, or undefined with the reason in the tally. */
function chooseForm(
  editor: GraphEditor, tensor: Tensor, users: readonly Node[], limits: EncodingLimits,
  scope: ConstructorParameters<typeof Draft>[0], tally: EncodingTally,
): Draft | undefined {
  const obstacle = whyDense(editor, tensor, users, limits);
  if (obstacle !== undefined) {
    tally.kept(tensor, users[0], obstacle.reason);
    if (obstacle.diagnostic) tally.diagnostics.push(obstacle.diagnostic);
    return undefined;
  }
  const dense = tensorWireSize(tensor);
  const draft = smallestForm(tensor, Math.max(limits.opset, ENCODING_OPSET), scope);
  if (!draft || draft.bytes >= dense * (1 - limits.minSaving)) {
    tally.kept(tensor, users[0], draft ? `dense is smallest: ${dense} bytes, ${draft.form} ${draft.bytes}` : `dense is smallest: ${dense} bytes`);
    return undefined;
  }
  if (limits.opset >= ENCODING_OPSET) return draft;
  tally.missedBytes += dense - draft.bytes;
  tally.kept(tensor, users[0], `operator set ${limits.opset} lacks the operators; from ${ENCODING_OPSET} on ${draft.form} takes ${draft.bytes} of ${dense} bytes`);
  return undefined;
}

interface Obstacle { readonly reason: string; readonly diagnostic?: Diagnostic }

function whyDense(editor: GraphEditor, tensor: Tensor, users: readonly Node[], { exclude }: EncodingLimits): Obstacle | undefined {
  const name = tensor.name ?? "";
  if (exclude.has(name)) return { reason: "excluded" };
  const excludedUser = users.find((user) => exclude.has(nodeLabel(user)));
  if (excludedUser) return { reason: `excluded with node "${nodeLabel(excludedUser)}"` };
  if (users.length === 0) return { reason: "no node uses it" };
  if (editor.isOutput(name)) return { reason: "is a graph output" };
  if (editor.input(name)) return { reason: "is the default of a graph input, which callers may override" };
  const custom = users.find((user) => !["", "ai.onnx"].includes(user.domain ?? ""));
  if (custom) return { reason: `feeds ${custom.domain}.${custom.opType}, which may need a constant` };
  if (tensor.unknownFields?.length) return { reason: "carries fields that edgec does not know" };
  if (elementCount(tensor) <= MAX_FOLDABLE_ELEMENTS) return undefined;
  const reason = `has more than ${MAX_FOLDABLE_ELEMENTS} elements: onnxruntime folds no output above 1 GiB and would decode it at every inference`;
  return { reason, diagnostic: { id: "encode-weights/too-large", severity: "warning", subject: name, message: `"${name}" stays dense: it ${reason}.` } };
}

/** What the file said about the constant moves to the node that makes it now. */
function carryAnnotations(tensor: Tensor, draft: Draft): void {
  const last = draft.nodes.at(-1);
  if (!last) return;
  if (tensor.docString) last.docString = tensor.docString;
  if (tensor.metadata?.length) last.metadata = tensor.metadata;
}
