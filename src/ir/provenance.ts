/**
 * What became of names. A pass may split a node or a constant, or put one of another name in its place; the
 * editor records that, and a pass where only it knows (`GraphEditor.recordDescent`). What is then still
 * unexplained is recorded when the pass is over (`NameWatch`). So what a user has named in the file is found
 * again, or can be said to be gone. Kept in memory alone.
 */
import type { Model } from "./model.js";
import { nodeLabel } from "./node.js";
import { nestedGraphs } from "./traverse.js";

type WithProvenance = Pick<Model, "descent" | "removed">;

export function addDescent(model: Pick<Model, "descent">, from: string, name: string): void {
  if (from === name || from === "" || name === "") return;
  model.descent ??= new Map();
  const known = model.descent.get(from);
  if (known) known.add(name);
  else model.descent.set(from, new Set([name]));
}

/** The names and all that came of them, in any number of steps. */
export function withDescendants({ descent }: Pick<Model, "descent">, names: Iterable<string>): Set<string> {
  const all = new Set(names);
  // A set hands out what is added while it is walked.
  for (const name of all) for (const next of descent?.get(name) ?? []) all.add(next);
  return all;
}

/** The pass that took a name out of the model of which nothing came; undefined for one that has gone on. */
export function removedBy(model: WithProvenance, name: string): string | undefined {
  for (const each of withDescendants(model, [name])) {
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
 * Looks at what a pass does to names, whichever way it edits: to be made before it runs. A node that is gone
 * without a record goes on in what gives its value now; one without such is recorded as taken out.
 */
export class NameWatch {
  private readonly before: readonly Named[];

  constructor(private readonly model: Model) {
    this.before = namesIn(model);
  }

  /** @param pass what has run since */
  record(pass: string): void {
    const makers = new Map<string, string>();
    const present = new Set<string>();
    for (const { label, outputs } of namesIn(this.model)) {
      present.add(label);
      for (const output of outputs) makers.set(output, label);
      if (outputs.length === 0) makers.set(label, label);
    }
    const lasting = new Lasting(this.model.descent, present);
    for (const { label, outputs } of this.before) {
      if (lasting.has(label)) continue;
      const heirs = outputs.flatMap((output) => makers.get(output) ?? []);
      for (const heir of heirs) addDescent(this.model, label, heir);
      if (heirs.length > 0) lasting.add(label);
      else (this.model.removed ??= new Map()).set(label, pass);
    }
  }
}

/** Names that are there or of which something is. Each record is followed once: chains of merges are long. */
class Lasting {
  private readonly names = new Set<string>();
  private readonly origins = new Map<string, string[]>();

  constructor(descent: Model["descent"], present: ReadonlySet<string>) {
    for (const [from, names] of descent ?? []) {
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

  /** Adds the name and all that it came of. */
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
