/**
 * Keeps one copy of constants that are equal in type, shape and every byte.
 *
 * Within a graph the first stands for all. A large constant of a body gives way to an equal one of a graph around it;
 * equal ones of sibling bodies (both branches of a decoder hold the same weights) move to the graph around them.
 * Stays: defaults of graph inputs, constants that are graph outputs, strings, and names that a body between hides.
 */
import { groupBy } from "../../group-by.js";
import {
  bindsName, bitsPerElement, DataType, GraphEditor, hidesName, isOp, isStandard, storedByteLength, type Tensor,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { hashOfAll, hashOfStart, haveEqualBytes } from "./equal-bytes.js";
import { exactResult } from "./result.js";

/** Bytes from which a constant of a body may leave its graph; below, nothing is gained. */
const MOVE_FROM = 256;

interface Copy { readonly editor: GraphEditor; readonly tensor: Tensor; readonly name: string }

export const deduplicateInitializers = definePass<Record<string, never>>({
  name: "deduplicate-initializers",
  description: "keeps one copy of equal constants",
  lossy: false,
  defaults: {},
  run(model) {
    const groups = equalGroups(GraphEditor.forModel(model));
    const removed = { initializersRemoved: 0, bytesRemoved: 0 };
    // Within each graph first: then every graph holds one copy.
    for (const merge of [mergeWithin, mergeAcross]) {
      const gone: Gone = new Map();
      for (const group of groups) {
        const count = merge(group, gone);
        removed.initializersRemoved += count;
        removed.bytesRemoved += count * storedByteLength(group[0].tensor);
      }
      for (const [editor, names] of gone) {
        editor.replaceAllUses(names);
        editor.removeInitializers(new Set(names.keys()));
      }
    }
    return exactResult(removed);
  },
});

type Group = readonly [Copy, Copy, ...Copy[]];
/** Copies that go, each with the name that stands for it: all of a graph together, as each by itself would walk all its constants. */
type Gone = Map<GraphEditor, Map<string, string>>;

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

/** Constants whose first bytes are alike are compared one with another up to so many; more are told apart by all their bytes. */
const FEW = 8;

function partition(copies: readonly Copy[]): Group[] {
  const byStart = groupBy(copies, ({ tensor }) => hashOfStart(tensor));
  return [...byStart.values()].flatMap((alike) => classesOf(alike, alike.length > FEW ? ({ tensor }) => hashOfAll(tensor) : () => ""));
}

/** Sets of equal constants. @param hashOf alike for equal ones */
function classesOf(copies: readonly Copy[], hashOf: (copy: Copy) => string): Group[] {
  const byHash = new Map<string, Copy[][]>();
  for (const copy of copies) {
    const hash = hashOf(copy);
    const classes = byHash.get(hash) ?? [];
    byHash.set(hash, classes);
    const equal = classes.find((others) => haveEqualBytes(others[0]!.tensor, copy.tensor));
    if (equal) equal.push(copy);
    else classes.push([copy]);
  }
  return [...byHash.values()].flat().filter((group) => group.length > 1) as unknown as Group[];
}

/** The first copy in each graph stands for the others there. Returns how many went. */
function mergeWithin(group: Group, gone: Gone): number {
  let removed = 0;
  const firsts = firstCopies(group);
  for (const copy of group) {
    const first = firsts.get(copy.editor);
    if (first && first !== copy && redirect(copy, first.name, gone)) removed++;
  }
  return removed;
}

function mergeAcross(group: Group, gone: Gone): number {
  return storedByteLength(group[0].tensor) < MOVE_FROM ? 0 : mergeScopes([...firstCopies(group).values()], gone);
}

function firstCopies(group: Group): Map<GraphEditor, Copy> {
  const firsts = new Map<GraphEditor, Copy>();
  for (const copy of group) if (!firsts.has(copy.editor)) firsts.set(copy.editor, copy);
  return firsts;
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

/** Notes that the copy goes and its uses read `name` instead, unless a body hides that name. */
function redirect(copy: Copy, name: string, gone: Gone): boolean {
  if (!canRedirect(copy, name)) return false;
  copy.editor.recordDescent(copy.name, name);
  const names = gone.get(copy.editor);
  if (names) names.set(copy.name, name);
  else gone.set(copy.editor, new Map([[copy.name, name]]));
  return true;
}
