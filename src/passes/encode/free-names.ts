/** Finds short unused names: names of decoding chains take bytes in the file. */
import { nodeLists } from "../../ir/index.js";
import type { Model } from "../../ir/index.js";

const PREFIXES = ["e", "c", "z", "_", "e_", "edgec_"];

export class FreeNames {
  private readonly prefix: string;
  private given = 0;

  /** Takes the shortest prefix that, with letters and digits after it, gives no name of the model. */
  constructor(model: Model) {
    const taken = new Set(namesOf(model));
    const clashes = (prefix: string): boolean =>
      [...taken].some((name) => name.startsWith(prefix) && /^[0-9a-z]*$/.test(name.slice(prefix.length)));
    let prefix = PREFIXES.find((p) => !clashes(p));
    for (let k = 0; prefix === undefined; k++) if (!clashes(`edgec${k}_`)) prefix = `edgec${k}_`;
    this.prefix = prefix;
  }

  next(): string {
    return this.prefix + (this.given++).toString(36);
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
