/**
 * The forms of a constant as the choice among them sees them: sizes, and which form it is. Drafts are made
 * to be measured and dropped, and that of the form chosen is made once more: those of thousands of constants
 * would fill the memory.
 */
import { ChainStructures, type ChainStructure } from "./chain-structures.js";
import type { Draft } from "./decoder-builder.js";

/** A constant that the forms of one graph may have in common, such as a divisor. */
export interface SharedConstant {
  /** Counted from 0 within one `FormOptions`. */
  readonly id: number;
  readonly bytes: number;
}

/** One form of one constant. */
export interface FormOption {
  /** Place among the drafts of the constant. */
  readonly index: number;
  readonly chain: ChainStructure;
  readonly shared: readonly SharedConstant[];
  /** Bytes of the chain and its own constants, with the chain written out. */
  readonly inlineBytes: number;
  /** The same with the chain as a call of a function. */
  readonly callBytes: number;
}

/** A constant to choose a form for. */
export interface Choice {
  readonly denseBytes: number;
  /** A form must stay below this. */
  readonly limitBytes: number;
  readonly options: readonly FormOption[];
}

interface Measured extends FormOption {
  /** Of its constants, the shared ones too. */
  readonly constantBytes: number;
  /** With the chain written out as well. */
  readonly wholeBytes: number;
}

/** Measures the drafts of the constants of a model. */
export class FormOptions {
  private readonly structures = new ChainStructures();
  /** Of each graph. */
  private readonly lists: SharedList[] = [];
  private readonly constants = new Map<string, SharedConstant>();

  /**
   * The forms worth comparing: of those with the same chain only the smallest, and none that cannot win even
   * as a call.
   * @param graph within which constants are shared
   */
  of(drafts: readonly Draft[], graph: number): FormOption[] {
    const byChain = new Map<number, Measured>();
    for (const [index, draft] of drafts.entries()) {
      const option = this.measured(draft, index, graph);
      // Constants that the file has already may be shared with other values, which an equal chain with its
      // own is not.
      const place = draft.kind === "restored" ? -1 - option.chain.id : option.chain.id;
      const rival = byChain.get(place);
      if (!rival || option.constantBytes < rival.constantBytes) byChain.set(place, option);
    }
    const all = [...byChain.values()];
    let smallest = Infinity;
    for (const { wholeBytes } of all) smallest = Math.min(smallest, wholeBytes);
    return all
      .filter(({ inlineBytes, callBytes }) => Math.min(callBytes, inlineBytes) <= smallest)
      .map(({ index, chain, shared, inlineBytes, callBytes }) => ({
        index,
        chain,
        shared,
        inlineBytes,
        callBytes,
      }));
  }

  private measured(draft: Draft, index: number, graph: number): Measured {
    const { structure, inlineBytes, callBytes } = this.structures.of(draft.nodes);
    const { ownBytes } = draft;
    const { items, bytes } = this.sharedOf(draft, graph);
    return {
      index,
      chain: structure,
      shared: items,
      inlineBytes: ownBytes + inlineBytes,
      callBytes: ownBytes + callBytes,
      constantBytes: ownBytes + bytes,
      wholeBytes: ownBytes + inlineBytes + bytes,
    };
  }

  /** The same list for all drafts that share the same. */
  private sharedOf({ sharedBytes }: Draft, graph: number): SharedList {
    let list = (this.lists[graph] ??= new SharedList(undefined));
    for (const [content, bytes] of sharedBytes)
      list = list.with(content, () => this.shared(`${graph} ${content}`, bytes));
    return list;
  }

  private shared(key: string, bytes: number): SharedConstant {
    let constant = this.constants.get(key);
    if (!constant) this.constants.set(key, (constant = { id: this.constants.size, bytes }));
    return constant;
  }
}

/** A list in a tree of lists, so that equal ones are found without comparing them. */
class SharedList {
  readonly items: readonly SharedConstant[];
  readonly bytes: number;
  private readonly longer = new Map<string, SharedList>();

  constructor(before: SharedList | undefined, last?: SharedConstant) {
    this.items = [...(before?.items ?? []), ...(last ? [last] : [])];
    this.bytes = (before?.bytes ?? 0) + (last?.bytes ?? 0);
  }

  with(content: string, constant: () => SharedConstant): SharedList {
    let list = this.longer.get(content);
    if (!list) this.longer.set(content, (list = new SharedList(this, constant())));
    return list;
  }
}
