/**
 * Keeps one copy of constants that are equal in type, shape and every byte.
 *
 * Within a graph the first stands for all. A large constant of a body gives way to an equal one of a graph around it;
 * equal ones of sibling bodies (both branches of a decoder hold the same weights) move to the graph around them.
 * Stays: defaults of graph inputs, constants that are graph outputs, strings, and names that a body between hides.
 */
import {
  bindsName, bitsPerElement, DataType, GraphEditor, hidesName, isOp, isStandard, storedByteLength, tensorBytes, tensorPieces, tensorSource, type Tensor,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** Bytes from which a constant of a body may leave its graph; below, nothing is gained. */
const MOVE_FROM = 256;
const HASHED = 4096;

interface Copy { readonly editor: GraphEditor; readonly tensor: Tensor; readonly name: string }

export const deduplicateInitializers = definePass<Record<string, never>>({
  name: "deduplicate-initializers",
  description: "keeps one copy of equal constants",
  lossy: false,
  defaults: {},
  run(model) {
    let removed = 0;
    let bytes = 0;
    const gone: Gone = new Map();
    for (const group of equalGroups(GraphEditor.forModel(model))) {
      const count = mergeGroup(group, gone);
      removed += count;
      bytes += count * storedByteLength(group[0].tensor);
    }
    for (const [editor, names] of gone) editor.removeInitializers(names);
    return exactResult({ initializersRemoved: removed, bytesRemoved: bytes });
  },
});

type Group = readonly [Copy, Copy, ...Copy[]];
/** Copies without a use left, which are taken out together: each on its own would walk all constants of its graph. */
type Gone = Map<GraphEditor, Set<string>>;

/** Sets of two and more equal constants, each in the order of the graphs. Only constants of equal size are read. */
function equalGroups(editors: readonly GraphEditor[]): Group[] {
  const alike = new Map<string, Copy[]>();
  for (const editor of editors) {
    for (const tensor of editor.graph.initializers) {
      const name = tensor.name ?? "";
      if (!hasBytes(tensor) || editor.input(name) || editor.isOutput(name) || isChangedAtLoad(editor, name, tensor)) continue;
      const key = `${tensor.dataType} ${tensor.dims.join()}`;
      const copies = alike.get(key);
      if (copies) copies.push({ editor, tensor, name });
      else alike.set(key, [{ editor, tensor, name }]);
    }
  }
  return [...alike.values()].filter((copies) => copies.length > 1).flatMap(partition);
}

/**
 * With session.x64quantprecision, onnxruntime 1.32 turns int8 weights and their zero points into uint8 at load, node by
 * node, and fails where two nodes share a zero point. So those, and all constants of operators outside the standard
 * set, of which nothing is known, stay apart.
 */
function isChangedAtLoad(editor: GraphEditor, name: string, { dataType }: Tensor): boolean {
  return editor.consumers(name).some((node) => !isStandard(node)
    || (dataType === DataType.INT8 && isOp(node, "DequantizeLinear", "MatMulInteger") && node.inputs.indexOf(name) >= 2));
}

/** Strings and types of the future have no byte form. */
function hasBytes(tensor: Tensor): boolean {
  return bitsPerElement(tensor.dataType) !== undefined && tensor.segment === undefined;
}

function partition(copies: readonly Copy[]): Group[] {
  const byHash = new Map<number, Copy[][]>();
  for (const copy of copies) {
    const hash = fnv1a(firstBytes(copy.tensor));
    const classes = byHash.get(hash) ?? [];
    byHash.set(hash, classes);
    const equal = classes.find(([other]) => other && areEqual(other.tensor, copy.tensor));
    if (equal) equal.push(copy);
    else classes.push([copy]);
  }
  return [...byHash.values()].flat().filter((group) => group.length > 1) as unknown as Group[];
}

/** What weights are told apart by; the rest is only compared. */
function firstBytes(tensor: Tensor): Uint8Array {
  const source = tensorSource(tensor);
  if (!source) return tensorBytes(tensor).subarray(0, HASHED);
  const bytes = new Uint8Array(Math.min(HASHED, source.length));
  source.read(bytes, 0);
  return bytes;
}

/** The 32-bit FNV-1a hash (Fowler, Noll, Vo). */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

/** Compares tensors of one size piece by piece. */
function areEqual(a: Tensor, b: Tensor): boolean {
  const others = tensorPieces(b);
  for (const piece of tensorPieces(a)) {
    const other = others.next();
    if (other.done === true || Buffer.compare(piece, other.value) !== 0) return false;
  }
  return true;
}

/** Merges what may be merged and returns how many copies went. */
function mergeGroup(group: Group, gone: Gone): number {
  let removed = 0;
  const firsts = new Map<GraphEditor, Copy>();
  for (const copy of group) {
    const first = firsts.get(copy.editor);
    if (!first) firsts.set(copy.editor, copy);
    else if (redirect(copy, first.name, gone)) removed++;
  }
  const scopes = [...firsts.values()];
  return storedByteLength(group[0].tensor) < MOVE_FROM ? removed : removed + mergeScopes(scopes, gone);
}

/** One copy for all graphs that hold it: that of the graph around the others, or a new one in the nearest around all. */
function mergeScopes(copies: readonly Copy[], gone: Gone): number {
  const [first, ...others] = copies;
  if (!first || others.length === 0) return 0;
  const home = others.reduce<GraphEditor | undefined>((around, { editor }) => around && commonScope(around, editor), first.editor);
  if (!home) return 0;
  const inHome = copies.find((copy) => copy.editor === home);
  const name = inHome?.name ?? home.uniqueName(first.name);
  const movable = copies.filter((copy) => copy !== inHome && !isHidden(name, copy.editor, home) && canRedirect(copy, name));
  if (movable.length < (inHome ? 1 : 2)) return 0;
  if (!inHome) home.addInitializer({ ...first.tensor, name });
  for (const copy of movable) redirect(copy, name, gone);
  return movable.length - (inHome ? 0 : 1);
}

function commonScope(a: GraphEditor, b: GraphEditor): GraphEditor | undefined {
  const around = new Set<GraphEditor>();
  for (let scope: GraphEditor | undefined = a; scope; scope = scope.parent) around.add(scope);
  let scope: GraphEditor | undefined = b;
  while (scope && !around.has(scope)) scope = scope.parent;
  return scope;
}

function isHidden(name: string, from: GraphEditor, home: GraphEditor): boolean {
  for (let scope: GraphEditor | undefined = from; scope && scope !== home; scope = scope.parent) if (bindsName(scope.graph, name)) return true;
  return false;
}

function canRedirect(copy: Copy, name: string): boolean {
  return !copy.editor.consumers(copy.name).some((user) => hidesName(user, name));
}

/** Lets every use of the copy read `name` instead and notes that the copy goes, unless a body hides that name. */
function redirect(copy: Copy, name: string, gone: Gone): boolean {
  if (!canRedirect(copy, name)) return false;
  copy.editor.replaceUses(copy.name, name);
  copy.editor.recordDescent(copy.name, name);
  const names = gone.get(copy.editor);
  if (names) names.add(copy.name);
  else gone.set(copy.editor, new Set([copy.name]));
  return true;
}
