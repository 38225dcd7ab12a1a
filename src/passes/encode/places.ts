/** Finds the constants of a graph that may be encoded, and measures their forms: one by one, or in groups. */
import { storedByteLength } from "../../ir/index.js";
import type { GraphEditor, Node, StoredForm, Tensor } from "../../ir/index.js";
import type { PassContext } from "../contract.js";
import type { Draft } from "./decoder-builder.js";
import type { EncodingLimits, EncodingResult } from "./encoding-result.js";
import { keep } from "./encoding-result.js";
import { ENCODING_OPSET } from "./folding-facts.js";
import { loadWeight, type Choice, type FormOption, type FormOptions } from "./form-options.js";
import { FormSource } from "./form-source.js";
import { groupsOf, type Group } from "./group-members.js";
import { GroupSource, splitFor } from "./group-source.js";
import { ENCODABLE_BYTES } from "./storage-forms.js";
import type { StoredForms } from "./stored-forms.js";
import { whyDense } from "./why-dense.js";
import { nodeWireSize, tensorWireSize } from "./wire-size.js";

export interface Member {
  readonly tensor: Tensor;
  readonly user: Node | undefined;
}

/** A constant that may be encoded, or several that are encoded together. */
export interface Place {
  readonly editor: GraphEditor;
  /** More than one for a group. */
  readonly members: readonly Member[];
  readonly source: { draft(index: number): Draft };
  readonly choice: Choice;
  /** Whether the file holds the constant in a compact form already. */
  readonly wasCompact: boolean;
}

export interface PlaceScope {
  readonly editor: GraphEditor;
  readonly graph: number;
  readonly forms: StoredForms;
  readonly options: FormOptions;
}

/** The constants of a graph with their forms; those that must stay dense go to the result with the reason. */
export async function findPlaces(
  scope: PlaceScope,
  limits: EncodingLimits,
  result: EncodingResult,
  advance?: PassContext["advance"],
): Promise<Place[]> {
  const found = encodable(scope, limits, result);
  const groups = groupPlaces(found, scope, limits);
  const grouped = new Set(groups.flatMap(({ members }) => members.map(({ tensor }) => tensor)));
  const places = [...groups];
  const single = found.filter(({ tensor }) => !grouped.has(tensor));
  for (const [index, each] of single.entries()) {
    await advance?.(index, single.length, "forms");
    places.push(singlePlace(each, scope, limits));
  }
  return places;
}

/** A constant that has other forms than the dense one. */
interface Encodable extends Member {
  /** The operator set for new forms; undefined if none are allowed. */
  readonly opset: number | undefined;
  /** The form that the file had. */
  readonly form: StoredForm | undefined;
}

function encodable(
  { editor, forms }: PlaceScope,
  limits: EncodingLimits,
  result: EncodingResult,
): Encodable[] {
  const found: Encodable[] = [];
  for (const tensor of editor.graph.initializers) {
    const isLarge = ENCODABLE_BYTES.has(tensor.dataType) && storedByteLength(tensor) >= limits.minBytes;
    const name = tensor.name ?? "";
    const users = editor.consumers(name);
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
    const opset = isLarge && !obstacle ? Math.max(limits.opset, ENCODING_OPSET) : undefined;
    found.push({ tensor, user: users[0], opset, form });
  }
  return found;
}

function singlePlace(
  { tensor, user, opset, form }: Encodable,
  { editor, graph, options }: PlaceScope,
  limits: EncodingLimits,
): Place {
  const denseBytes = tensorWireSize(tensor);
  const source = new FormSource(tensor, opset, form);
  const limitBytes = form ? denseBytes : denseBytes * (1 - limits.minSaving);
  const weight = limits.anyLoad ? 0 : loadWeight(tensor);
  const choice = { denseBytes, limitBytes, options: options.of(source.drafts(), graph, weight) };
  return { editor, members: [{ tensor, user }], source, choice, wasCompact: form !== undefined };
}

/** Groups, where one takes no more than its members would one by one. */
function groupPlaces(found: readonly Encodable[], scope: PlaceScope, limits: EncodingLimits): Place[] {
  if (limits.opset < ENCODING_OPSET) return [];
  return groupsOf(
    found.filter(({ opset }) => opset !== undefined),
    limits.opset,
  ).flatMap((group) => {
    const place = groupPlace(group, scope, limits);
    const together = leastBytes(place.choice) + splitBytes(group.members, limits.opset);
    return together <= MAY_BE_LARGER * separateBytes(group.members, scope, limits) ? [place] : [];
  });
}

/** What a group may take at most of the bytes of its members one by one: it loads in a fraction of the time. */
const MAY_BE_LARGER = 1.02;
/** Members whose own forms are measured to estimate those of all. */
const MEASURED_MEMBERS = 16;

function groupPlace(
  { members, haveFewValues }: Group<Member>,
  { editor, graph, options }: PlaceScope,
  limits: EncodingLimits,
): Place {
  const tensors = members.map(({ tensor }) => tensor);
  const denseBytes = tensors.reduce((sum, tensor) => sum + tensorWireSize(tensor), 0);
  const source = new GroupSource(tensors, limits.opset, haveFewValues);
  const dims = [tensors.length, ...tensors[0]!.dims];
  const weight = limits.anyLoad ? 0 : loadWeight({ dims });
  const limitBytes = denseBytes * (1 - limits.minSaving) - splitBytes(members, limits.opset);
  const choice = { denseBytes, limitBytes, options: options.of(source.drafts(), graph, weight) };
  return { editor, members, source, choice, wasCompact: false };
}

function splitBytes(members: readonly Member[], opset: number): number {
  return nodeWireSize(
    splitFor(
      members.map(({ tensor }) => tensor),
      opset,
    ),
  );
}

/** An estimate of what the members take one by one, each chain as a call of a function. */
function separateBytes(members: readonly Encodable[], scope: PlaceScope, limits: EncodingLimits): number {
  const every = Math.ceil(members.length / MEASURED_MEMBERS);
  const measured = members.filter((_, k) => k % every === 0);
  const bytes = measured.reduce((sum, member) => {
    const { choice } = singlePlace(member, scope, limits);
    const least = Math.min(...choice.options.map(({ callBytes }) => callBytes));
    return sum + (least < choice.limitBytes ? least : choice.denseBytes);
  }, 0);
  return (bytes / measured.length) * members.length;
}

/** Of the chain written out, with all that others may share. */
function leastBytes({ options }: Choice): number {
  const bytesOf = ({ inlineBytes, shared }: FormOption): number =>
    shared.reduce((sum, { bytes }) => sum + bytes, inlineBytes);
  return Math.min(...options.map(bytesOf));
}
