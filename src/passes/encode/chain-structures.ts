/**
 * The common structures of decoding chains with the same operators. Each constant of a model has a hundred
 * forms to choose from, but these share few structures, so each structure and its sizes are computed once.
 * Chains are paths in a tree, from the first operator to the last.
 */
import type { Node } from "../../ir/index.js";
import { attributeKey, callOf } from "./chain-functions.js";
import { delimited, nodeFieldsSize, nodeWireSize, text } from "./wire-size.js";

/** Chains that do the same computation on their constants, whatever their names. */
export interface ChainStructure {
  /** Counted from 0 within one `ChainStructures`. */
  readonly id: number;
  /** The nodes of one of the chains. */
  readonly nodes: readonly Node[];
}

/** A structure, and the bytes of a chain whose last value has a certain name. */
export interface ChainSizes {
  readonly structure: ChainStructure;
  /** Its nodes written out. */
  readonly inlineBytes: number;
  /** A call of a function in their place. */
  readonly callBytes: number;
}

/** The length of names within a chain while there are few; see `Draft`. */
const SHORT = 2;
const CALL = { name: "A", domain: "e" };

export class ChainStructures {
  private readonly root = new Step(undefined, 0, 0);
  private count = 0;

  private readonly places = new Places();

  of(nodes: readonly Node[]): ChainSizes {
    const { places } = this;
    places.clear();
    let step = this.root;
    let isShort = true;
    let inputs = 0;
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at]!;
      let code: number | string = node.inputs.length;
      for (const name of node.inputs) {
        let place = name === "" ? 0 : places.get(name);
        if (place === undefined) places.set(name, (place = 2 * ++inputs));
        isShort &&= name.length === SHORT;
        code = joined(code, place);
      }
      const output = node.outputs[0] ?? "";
      places.set(output, 2 * at + 1);
      isShort &&= node.outputs.length === 1 && (output.length === SHORT || at === nodes.length - 1);
      step = step.next(node, code, inputs);
    }
    step.structure ??= { id: this.count++, nodes };
    const { structure } = step;
    return { structure, ...(isShort ? step.sizes(nodes.at(-1)?.outputs[0] ?? "") : sizesOf(nodes)) };
  }
}

/** Where the names of one chain come from. Short names differ in their last character alone. */
class Places {
  private readonly short = new Int16Array(128);
  private readonly others = new Map<string, number>();

  clear(): void {
    this.short.fill(-1);
    this.others.clear();
  }

  get(name: string): number | undefined {
    const at = slotOf(name);
    if (at < 0) return this.others.get(name);
    return this.short[at]! < 0 ? undefined : this.short[at];
  }

  set(name: string, place: number): void {
    const at = slotOf(name);
    if (at < 0) this.others.set(name, place);
    else this.short[at] = place;
  }
}

/** -1 for a name that is not one of a draft's short names. */
function slotOf(name: string): number {
  return name.length === SHORT && name.startsWith("?") ? name.charCodeAt(1) & 127 : -1;
}

/** Codes a path of numbers below 256 as one number while it fits, and as text beyond. */
function joined(code: number | string, place: number): number | string {
  return typeof code === "number" && place < 256 && code < 2 ** 40 ? code * 256 + place : `${code} ${place}`;
}

function sizesOf(nodes: readonly Node[]): Omit<ChainSizes, "structure"> {
  return {
    inlineBytes: nodes.reduce((sum, node) => sum + nodeWireSize(node), 0),
    callBytes: nodeWireSize(callOf(CALL, nodes)),
  };
}

/** An operator at the end of a path. Sizes are those with short names. */
class Step {
  structure: ChainStructure | undefined;
  private readonly following = new Map<string, Map<number | string, Step>>();
  /** Of the path, written out. */
  private readonly bytes: number;

  /**
   * @param fields bytes of the node's fields without its output
   * @param inputs constants of the chain up to here
   */
  constructor(
    private readonly before: Step | undefined,
    private readonly fields: number,
    private readonly inputs: number,
  ) {
    this.bytes = before ? before.bytes + delimited(fields + delimited(SHORT)) : 0;
  }

  /** @param code where each of the node's inputs comes from */
  next(node: Node, code: number | string, inputs: number): Step {
    const operator =
      node.attributes.length === 0
        ? node.opType
        : `${node.opType} ${node.attributes.map(attributeKey).join()}`;
    let byInputs = this.following.get(operator);
    if (!byInputs) this.following.set(operator, (byInputs = new Map<number | string, Step>()));
    let step = byInputs.get(code);
    if (!step) byInputs.set(code, (step = new Step(this, nodeFieldsSize({ ...node, outputs: [] }), inputs)));
    return step;
  }

  sizes(target: string): Omit<ChainSizes, "structure"> {
    const name = text(target);
    return {
      inlineBytes: (this.before?.bytes ?? 0) + delimited(this.fields + name),
      callBytes: delimited(text(CALL.name) + text(CALL.domain) + this.inputs * delimited(SHORT) + name),
    };
  }
}
