/**
 * Tracks what became of names. A pass may split a node or a constant, or replace it by one with another name.
 * The editor records that, or the pass itself if only it knows (`GraphEditor.recordProvenance`). The rest is
 * recorded after the pass (`NameWatch`). So a name that a user took from the file can be found again, or
 * reported as removed. Kept only in memory.
 */
import type { Model } from "./model.js";
import { nodeLabel } from "./node.js";
import { nestedGraphs } from "./traverse.js";

type WithProvenance = Pick<Model, "provenance" | "removed">;

export function addProvenance(model: Pick<Model, "provenance">, from: string, name: string): void {
  if (from === name || from === "" || name === "") return;
  model.provenance ??= new Map();
  const known = model.provenance.get(from);
  if (known) known.add(name);
  else model.provenance.set(from, new Set([name]));
}

/** The names and everything that derives from them, directly or indirectly. */
export function withDerivedNames(
  { provenance }: Pick<Model, "provenance">,
  names: Iterable<string>,
): Set<string> {
  const all = new Set(names);
  // Iterating a set includes elements that are added meanwhile.
  for (const name of all) for (const next of provenance?.get(name) ?? []) all.add(next);
  return all;
}

/** The pass that removed a name without replacement; undefined if something derives from it. */
export function removedBy(model: WithProvenance, name: string): string | undefined {
  for (const each of withDerivedNames(model, [name])) {
    const pass = model.removed?.get(each);
    if (pass !== undefined) return pass;
  }
  return undefined;
}

interface Named {
  readonly label: string;
  /** Empty for a constant. */
  readonly outputs: readonly string[];
}

/**
 * Observes what a pass does to names, however it edits. Create it before the pass runs. A node that disappeared
 * without a record is linked to the present producer of its value; without one, it is recorded as removed.
 */
export class NameWatch {
  private readonly before: readonly Named[];

  constructor(private readonly model: Model) {
    this.before = namesIn(model);
  }

  /** @param pass name of the pass that has run since */
  record(pass: string): void {
    const makers = new Map<string, string>();
    const present = new Set<string>();
    for (const { label, outputs } of namesIn(this.model)) {
      present.add(label);
      for (const output of outputs) makers.set(output, label);
      if (outputs.length === 0) makers.set(label, label);
    }
    const lasting = new Lasting(this.model.provenance, present);
    for (const { label, outputs } of this.before) {
      if (lasting.has(label)) continue;
      const heirs = outputs.flatMap((output) => makers.get(output) ?? []);
      for (const heir of heirs) addProvenance(this.model, label, heir);
      if (heirs.length > 0) lasting.add(label);
      else (this.model.removed ??= new Map()).set(label, pass);
    }
  }
}

/**
 * Names that exist, or from which something existing derives. Each record is followed once, because chains of
 * merges are long.
 */
class Lasting {
  private readonly names = new Set<string>();
  private readonly origins = new Map<string, string[]>();

  constructor(provenance: Model["provenance"], present: ReadonlySet<string>) {
    for (const [from, names] of provenance ?? []) {
      for (const name of names) {
        const known = this.origins.get(name);
        if (known) known.push(from);
        else this.origins.set(name, [from]);
      }
    }
    for (const name of present) this.add(name);
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** Adds the name and everything that it derives from. */
  add(name: string): void {
    const added = [name];
    for (let each = added.pop(); each !== undefined; each = added.pop()) {
      if (this.names.has(each)) continue;
      this.names.add(each);
      added.push(...(this.origins.get(each) ?? []));
    }
  }
}

function namesIn(model: Model): Named[] {
  const names: Named[] = [];
  for (const { nodes, initializers } of nestedGraphs(model.graph)) {
    for (const node of nodes)
      names.push({ label: nodeLabel(node), outputs: node.outputs.filter((output) => output !== "") });
    for (const { name = "" } of initializers) if (name !== "") names.push({ label: name, outputs: [] });
  }
  return names;
}
