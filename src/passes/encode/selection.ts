/**
 * Which form each constant takes, and which chains become functions, so that the file is smallest. A chain
 * written out costs its nodes, a call of a function little, a function once. That is facility location:
 * functions are opened greedily while one makes the whole smaller, then closed again where that does.
 */
import type { FunctionDef } from "../../ir/index.js";
import type { PassContext } from "../contract.js";
import { callOf, defineFunction, shapeOf } from "./chain-functions.js";
import type { Draft } from "./decoder-builder.js";
import { functionWireSize, nodeWireSize, opsetWireSize } from "./wire-size.js";

/** One form of one constant. */
export interface FormOption {
  readonly draft: Draft;
  readonly key: string;
  readonly ownBytes: number;
  /** What loading it costs, in bytes of the file that it must save. */
  readonly loadCost: number;
  readonly sharedBytes: readonly [key: string, bytes: number][];
  readonly inlineBytes: number;
  readonly callBytes: number;
}

/** A constant to choose a form for. */
export interface Choice {
  readonly denseBytes: number;
  /** A form must stay below this. */
  readonly limitBytes: number;
  /** The graph, within which small constants are shared. */
  readonly graph: number;
  readonly options: readonly FormOption[];
}

export interface Selection {
  /** For each choice its form, or undefined for dense. */
  readonly picks: readonly (FormOption | undefined)[];
  /** Chains, by key, that are called as functions. */
  readonly functions: ReadonlySet<string>;
  readonly bytes: number;
  /** The same with what loading costs, by which selections are compared. */
  readonly cost: number;
}

/**
 * The forms worth comparing: of those with the same chain only the smallest, and none that cannot win even
 * as a call.
 */
export function optionsOf(drafts: readonly Draft[], heldPerByte = HELD_PER_BYTE): FormOption[] {
  const byKey = new Map<string, FormOption>();
  for (const draft of drafts) {
    const { key } = shapeOf(draft.nodes);
    const option = {
      draft,
      key,
      ownBytes: draft.ownBytes,
      loadCost: draft.heldBytes / heldPerByte,
      sharedBytes: draft.sharedBytes,
      inlineBytes: draft.nodeBytes,
      callBytes: nodeWireSize(callOf({ name: "A", domain: "e" }, draft.nodes)),
    };
    // Constants that the file has already may be shared with other values, which an equal chain with its
    // own is not.
    const place = `${draft.kind === "restored" ? "restored" : ""} ${key}`;
    const rival = byKey.get(place);
    if (!rival || cost(option) < cost(rival)) byKey.set(place, option);
  }
  const all = [...byKey.values()];
  const smallest = Math.min(...all.map((option) => cost(option) + option.inlineBytes));
  return all.filter(
    (option) =>
      option.ownBytes + option.loadCost + Math.min(option.callBytes, option.inlineBytes) <= smallest,
  );
}

/** What the constants of a form count for where forms are compared. */
function cost(option: FormOption): number {
  return constantBytes(option) + option.loadCost;
}

function constantBytes({ ownBytes, sharedBytes }: FormOption): number {
  return sharedBytes.reduce((sum, [, bytes]) => sum + bytes, ownBytes);
}

/**
 * A form is worth a byte more in the file where it saves so many while the model loads: 0.2 % of a pruned
 * layer pay for the difference between the dearest and the cheapest mask.
 */
const HELD_PER_BYTE = 2 ** 14;

/** The selection of fewest bytes found. Without a `domain` there are no functions. */
export async function selectForms(
  choices: readonly Choice[],
  opset: number,
  domain: string | undefined,
  advance?: PassContext["advance"],
): Promise<Selection> {
  const problem: Problem = { choices, readers: readersOf(choices) };
  const plain = evaluate(problem, new Map(), 0);
  if (domain === undefined) return plain;
  const importBytes = opsetWireSize({ domain, version: 1n });
  const sizes = functionSizes(choices, opset, domain);
  // From no function upwards and, as chains that pay only together are missed so, from those wanted if all
  // were free.
  const wanted = evaluate(problem, new Map([...sizes.keys()].map((key) => [key, 0])), 0).picks.flatMap(
    (pick) => (pick ? [pick.key] : []),
  );
  const starts = [new Map<string, number>(), new Map([...sizes].filter(([key]) => wanted.includes(key)))];
  let best = plain;
  for (const start of starts) {
    const found = await improve(problem, start, { sizes, importBytes }, advance);
    if (found.cost < best.cost) best = found;
  }
  return best;
}

interface Problem {
  readonly choices: readonly Choice[];
  /** For each large constant of a graph that forms may share, how many choices could read it. */
  readonly readers: ReadonlyMap<string, number>;
}

/** Bytes of a constant that is no mere number or shape. */
const LARGE = 256;

function readersOf(choices: readonly Choice[]): Map<string, number> {
  const readers = new Map<string, number>();
  for (const { options, graph } of choices) {
    const keys = new Set(
      options.flatMap(({ sharedBytes }) =>
        sharedBytes.filter(([, bytes]) => bytes >= LARGE).map(([key]) => `${graph} ${key}`),
      ),
    );
    for (const key of keys) readers.set(key, (readers.get(key) ?? 0) + 1);
  }
  return readers;
}

interface FunctionCosts {
  readonly sizes: ReadonlyMap<string, number>;
  readonly importBytes: number;
}

/** Opens or closes one function at a time, that which makes the file smallest, while there is one. */
async function improve(
  problem: Problem,
  start: ReadonlyMap<string, number>,
  { sizes, importBytes }: FunctionCosts,
  advance: PassContext["advance"],
): Promise<Selection> {
  let open = start;
  let best = evaluate(problem, open, importBytes);
  for (let improved = true; improved;) {
    improved = false;
    let next = open;
    let tried = 0;
    for (const [key, bytes] of sizes) {
      await advance?.(tried++, sizes.size, "shared chains");
      const trial = new Map(open);
      if (!trial.delete(key)) trial.set(key, bytes);
      const selection = evaluate(problem, trial, importBytes);
      if (selection.cost < best.cost) [best, next, improved] = [selection, trial, true];
    }
    open = next;
  }
  return best;
}

/** Bytes of a function for each chain that at least two constants could share. */
function functionSizes(choices: readonly Choice[], opset: number, domain: string): Map<string, number> {
  const sizes = new Map<string, number>();
  const seen = new Set<string>();
  for (const { key, draft } of choices.flatMap(({ options }) => options)) {
    if (seen.has(key) && !sizes.has(key))
      sizes.set(key, functionWireSize(defineFunction(domain, 0, draft.nodes, opset)));
    seen.add(key);
  }
  return sizes;
}

/**
 * Gives each constant its smallest form, with these functions open. What several may share, the first would
 * pay for all, and so would take another form alone: in the choice each pays its part.
 */
function evaluate(
  { choices, readers }: Problem,
  functions: ReadonlyMap<string, number>,
  importBytes: number,
): Selection {
  const paid = new Set<string>();
  let bytes = functions.size > 0 ? importBytes : 0;
  let loadCost = 0;
  for (const size of functions.values()) bytes += size;
  const picks = choices.map(({ options, limitBytes, denseBytes, graph }) => {
    let pick: FormOption | undefined;
    let least = Infinity;
    for (const option of options) {
      let size = ownCost(option, functions);
      for (const [key, bytesOf] of option.sharedBytes)
        if (!paid.has(`${graph} ${key}`)) size += bytesOf / (readers.get(`${graph} ${key}`) ?? 1);
      if (size >= limitBytes) continue;
      const judged = size + option.loadCost;
      if (judged < least || (judged === least && pick && option.draft.nodes.length < pick.draft.nodes.length))
        [pick, least] = [option, judged];
    }
    bytes += pick ? ownCost(pick, functions) : denseBytes;
    loadCost += pick?.loadCost ?? 0;
    for (const [key, size] of pick?.sharedBytes ?? []) {
      if (paid.has(`${graph} ${key}`)) continue;
      paid.add(`${graph} ${key}`);
      bytes += size;
    }
    return pick;
  });
  return { picks, functions: new Set(functions.keys()), bytes, cost: bytes + loadCost };
}

function ownCost(
  { ownBytes, key, callBytes, inlineBytes }: FormOption,
  functions: ReadonlyMap<string, number>,
): number {
  return ownBytes + (functions.has(key) ? callBytes : inlineBytes);
}

/** The functions of a selection, by the key of their chains. */
export function functionsOf(
  { picks, functions }: Selection,
  opset: number,
  domain: string,
): Map<string, FunctionDef> {
  const definitions = new Map<string, FunctionDef>();
  for (const pick of picks) {
    if (pick && functions.has(pick.key) && !definitions.has(pick.key)) {
      definitions.set(pick.key, defineFunction(domain, definitions.size, pick.draft.nodes, opset));
    }
  }
  return definitions;
}
