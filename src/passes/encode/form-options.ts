/**
 * Measures the forms of a constant for the choice among them. Drafts are measured and dropped, and the draft of
 * the chosen form is made again: drafts of thousands of constants would fill the memory.
 */
import { ChainStructures, type ChainStructure } from "./chain-structures.js";
import { elementCount, type Tensor } from "../../ir/index.js";
import type { Draft } from "./decoder-builder.js";

/** A constant that forms of one graph may share, such as a divisor. */
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
  /** The cost of loading it, in bytes of the file that it must save. */
  readonly loadCost: number;
}

/**
 * A form may take one more byte in the file if it saves this many while the model loads: 0.2 % of a pruned
 * layer pays for the difference between the most and the least expensive mask.
 */
const HELD_PER_BYTE = 2 ** 14;
/** Smaller constants cost next to nothing to load, whatever their form. Elements. */
export const LOAD_COUNTS_FROM = 2 ** 14;

/** The weight of loading a constant in the choice of its form: bytes of the file per byte of memory. */
export function loadWeight(tensor: Pick<Tensor, "dims">): number {
  return elementCount(tensor) < LOAD_COUNTS_FROM ? 0 : 1 / HELD_PER_BYTE;
}

/** A constant to choose a form for. */
export interface Choice {
  readonly denseBytes: number;
  /** A form must stay below this. */
  readonly limitBytes: number;
  readonly options: readonly FormOption[];
}

interface Measured extends FormOption {
  /** Of its constants, the shared ones too, and of loading it. */
  readonly constantCost: number;
  /** With the chain written out as well. */
  readonly wholeCost: number;
}

/** Measures the drafts of the constants of a model. */
export class FormOptions {
  private readonly structures = new ChainStructures();
  /** Of each graph. */
  private readonly lists: SharedList[] = [];
  private readonly constants = new Map<string, SharedConstant>();

  /**
   * The forms worth comparing: only the smallest of those with the same chain, and none that cannot win even as
   * a call.
   * @param graph within which constants are shared
   * @param weight see `loadWeight`; 0 takes the smallest file, whatever loading takes
   */
  of(drafts: readonly Draft[], graph: number, weight = 0): FormOption[] {
    const byChain = new Map<number, Measured>();
    for (const [index, draft] of drafts.entries()) {
      const option = this.measured(draft, index, graph, weight);
      // Constants that the file has already may be shared with other values, which an equal chain with its
      // own is not.
      const place = draft.kind === "restored" ? -1 - option.chain.id : option.chain.id;
      const rival = byChain.get(place);
      if (!rival || option.constantCost < rival.constantCost) byChain.set(place, option);
    }
    const all = [...byChain.values()];
    let smallest = Infinity;
    for (const { wholeCost } of all) smallest = Math.min(smallest, wholeCost);
    return all
      .filter(
        ({ inlineBytes, callBytes, loadCost }) => Math.min(callBytes, inlineBytes) + loadCost <= smallest,
      )
      .map(({ index, chain, shared, inlineBytes, callBytes, loadCost }) => ({
        index,
        chain,
        shared,
        inlineBytes,
        callBytes,
        loadCost,
      }));
  }

  private measured(draft: Draft, index: number, graph: number, weight: number): Measured {
    const { structure, inlineBytes, callBytes } = this.structures.of(draft.nodes);
    const { ownBytes } = draft;
    const { items, bytes } = this.sharedOf(draft, graph);
    const loadCost = weight === 0 ? 0 : weight * draft.heldBytes;
    return {
      index,
      chain: structure,
      shared: items,
      inlineBytes: ownBytes + inlineBytes,
      callBytes: ownBytes + callBytes,
      loadCost,
      constantCost: ownBytes + bytes + loadCost,
      wholeCost: ownBytes + inlineBytes + bytes + loadCost,
    };
  }

  /** One list for all drafts that share the same constants. */
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
