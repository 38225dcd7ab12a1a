/**
 * Keeps one copy of constants that have the same type, shape and bytes.
 *
 * Within a graph, the first replaces all others. A large constant of a body is replaced by an equal one of an
 * enclosing graph; equal ones of sibling bodies (both branches of a decoder hold the same weights) move to the
 * graph that encloses both. Left alone: defaults of graph inputs, constants that are graph outputs, strings,
 * and names that a body in between shadows.
 */
import { groupBy } from "../../group-by.js";
import {
  bindsName,
  bitsPerElement,
  DataType,
  GraphEditor,
  hidesName,
  isOp,
  isStandard,
  storedByteLength,
  type Tensor,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { hashOfAll, hashOfStart, haveEqualBytes } from "./equal-bytes.js";
import { exactResult } from "./result.js";

/** Smallest constant of a body that is worth moving out of its graph. Bytes. */
const MOVE_FROM = 256;

interface Copy {
  readonly editor: GraphEditor;
  readonly tensor: Tensor;
  readonly name: string;
}

export const deduplicateInitializers = definePass<Record<string, never>>({
  name: "deduplicate-initializers",
  description: "Keep one copy of equal constants",
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
/**
 * Copies to remove, with the names that replace them. They are removed together for each graph, because each
 * removal walks all its constants.
 */
type Gone = Map<GraphEditor, Map<string, string>>;

/** Sets of two or more equal constants, in the order of the graphs. Only constants of equal size are read. */
function equalGroups(editors: readonly GraphEditor[]): Group[] {
  const alike = new Map<string, Copy[]>();
  for (const editor of editors) {
    for (const tensor of editor.graph.initializers) {
      const name = tensor.name ?? "";
      if (
        !hasBytes(tensor) ||
        editor.input(name) ||
        editor.isOutput(name) ||
        isChangedAtLoad(editor, name, tensor)
      )
        continue;
      const key = `${tensor.dataType} ${tensor.dims.join()}`;
      const copies = alike.get(key);
      if (copies) copies.push({ editor, tensor, name });
      else alike.set(key, [{ editor, tensor, name }]);
    }
  }
  return [...alike.values()].filter((copies) => copies.length > 1).flatMap(partition);
}

/**
 * With session.x64quantprecision, onnxruntime 1.32 converts int8 weights and their zero points to uint8 at
 * load, node by node, and fails if two nodes share a zero point. So zero points are not shared, nor are
 * constants of operators outside the standard set, about which nothing is known.
 */
function isChangedAtLoad(editor: GraphEditor, name: string, { dataType }: Tensor): boolean {
  return editor
    .consumers(name)
    .some(
      (node) =>
        !isStandard(node) ||
        (dataType === DataType.INT8 &&
          isOp(node, "DequantizeLinear", "MatMulInteger") &&
          node.inputs.indexOf(name) >= 2),
    );
}

/** Strings and unknown types have no byte form. */
function hasBytes(tensor: Tensor): boolean {
  return bitsPerElement(tensor.dataType) !== undefined && tensor.segment === undefined;
}

/**
 * Up to this many constants with the same first bytes are compared pairwise; more are compared by a hash of all
 * their bytes.
 */
const FEW = 8;

function partition(copies: readonly Copy[]): Group[] {
  const byStart = groupBy(copies, ({ tensor }) => hashOfStart(tensor));
  return [...byStart.values()].flatMap((alike) =>
    classesOf(alike, alike.length > FEW ? ({ tensor }) => hashOfAll(tensor) : () => ""),
  );
}

/** Sets of equal constants. @param hashOf the same for equal constants */
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

/** The first copy in each graph replaces the others there. Returns how many were removed. */
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
  return storedByteLength(group[0].tensor) < MOVE_FROM
    ? 0
    : mergeScopes([...firstCopies(group).values()], gone);
}

function firstCopies(group: Group): Map<GraphEditor, Copy> {
  const firsts = new Map<GraphEditor, Copy>();
  for (const copy of group) if (!firsts.has(copy.editor)) firsts.set(copy.editor, copy);
  return firsts;
}

/**
 * Keeps one copy for all graphs that hold it: the copy in the graph that encloses the others, or a new one in
 * the nearest graph that encloses all.
 */
function mergeScopes(copies: readonly Copy[], gone: Gone): number {
  const [first, ...others] = copies;
  if (!first || others.length === 0) return 0;
  const home = others.reduce<GraphEditor | undefined>(
    (around, { editor }) => around && commonScope(around, editor),
    first.editor,
  );
  if (!home) return 0;
  const inHome = copies.find((copy) => copy.editor === home);
  const name = inHome?.name ?? home.uniqueName(first.name);
  const movable = copies.filter(
    (copy) => copy !== inHome && !isHidden(name, copy.editor, home) && canRedirect(copy, name),
  );
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
  for (let scope: GraphEditor | undefined = from; scope && scope !== home; scope = scope.parent)
    if (bindsName(scope.graph, name)) return true;
  return false;
}

function canRedirect(copy: Copy, name: string): boolean {
  return !copy.editor.consumers(copy.name).some((user) => hidesName(user, name));
}

/** Marks the copy for removal, with `name` as its replacement, unless a body shadows that name. */
function redirect(copy: Copy, name: string, gone: Gone): boolean {
  if (!canRedirect(copy, name)) return false;
  copy.editor.recordProvenance(copy.name, name);
  const names = gone.get(copy.editor);
  if (names) names.set(copy.name, name);
  else gone.set(copy.editor, new Map([[copy.name, name]]));
  return true;
}
