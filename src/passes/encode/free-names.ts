/** Short names that no model entity bears: names of decoding chains are bytes in the file. */
import { nodeLists } from "../../ir/index.js";
import type { Model } from "../../ir/index.js";

const PREFIXES = ["e", "c", "z", "_", "e_", "edgec_"];

export class FreeNames {
  private readonly prefix: string;
  private next = 0;

  /** Takes the shortest prefix under which the model has no names made of it and letters or digits. */
  constructor(model: Model) {
    const taken = new Set(namesOf(model));
    const clashes = (prefix: string): boolean => [...taken].some((name) => name.startsWith(prefix) && /^[0-9a-z]*$/.test(name.slice(prefix.length)));
    let prefix = PREFIXES.find((p) => !clashes(p));
    for (let k = 0; prefix === undefined; k++) if (!clashes(`edgec${k}_`)) prefix = `edgec${k}_`;
    this.prefix = prefix;
  }

  /** Index of the first name not yet taken. */
  get firstFree(): number {
    return this.next;
  }

  at(index: number): string {
    return this.prefix + index.toString(36);
  }

  take(count: number): void {
    this.next += count;
  }
}

function* namesOf(model: Model): Generator<string> {
  for (const scope of nodeLists(model)) {
    for (const input of scope.inputs) yield typeof input === "string" ? input : input.name;
    for (const output of scope.outputs) yield typeof output === "string" ? output : output.name;
    if ("initializers" in scope) for (const tensor of scope.initializers) yield tensor.name ?? "";
    for (const node of scope.nodes) {
      if (node.name) yield node.name;
      yield* node.outputs;
    }
  }
}
