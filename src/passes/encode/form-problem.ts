/** The cost of a choice of forms for all constants, with some chains as functions. */
import type { ChainStructure } from "./chain-structures.js";
import type { Choice, FormOption, SharedConstant } from "./form-options.js";

export interface Selection {
  /** For each choice its form, or undefined for dense. */
  readonly picks: readonly (FormOption | undefined)[];
  /** Chains that are called as functions. */
  readonly functions: ReadonlySet<ChainStructure>;
  readonly bytes: number;
  /** The same plus the cost of loading, by which selections are compared. */
  readonly cost: number;
}

/** From this size on, a constant is more than a number or a shape. */
const LARGE = 256;
/** The number of forms that take a few milliseconds to consider. */
const QUICK = 100_000;

export class FormProblem {
  /** How often all choices can be evaluated without a noticeable delay. */
  readonly quickTrials: number;
  /** For each large constant that forms may share, how many choices could read it; 1 for others. */
  private readonly readers: Float64Array;

  /**
   * @param sizes bytes of each chain that may become a function
   * @param importBytes what the first function adds
   */
  constructor(
    readonly choices: readonly Choice[],
    readonly sizes: ReadonlyMap<ChainStructure, number>,
    private readonly importBytes: number,
  ) {
    this.quickTrials = QUICK / choices.reduce((sum, { options }) => sum + options.length, 1);
    this.readers = readersOf(choices);
  }

  private functionBytes(functions: ReadonlySet<ChainStructure>): number {
    let bytes = functions.size > 0 ? this.importBytes : 0;
    for (const chain of functions) bytes += this.sizes.get(chain) ?? 0;
    return bytes;
  }

  /** The bytes by which the functions grow if the chain becomes one, or shrink if it stops being one. */
  toggleBytes(chain: ChainStructure, functions: ReadonlySet<ChainStructure>): number {
    const size = this.sizes.get(chain) ?? 0;
    if (functions.has(chain)) return -size - (functions.size === 1 ? this.importBytes : 0);
    return size + (functions.size === 0 ? this.importBytes : 0);
  }

  /**
   * Gives each constant its smallest form, with these functions available. Each constant pays its part of what
   * several share: if the first paid for all, it would choose another form.
   */
  evaluate(functions: ReadonlySet<ChainStructure>): Selection {
    const paid = new Uint8Array(this.readers.length);
    let bytes = this.functionBytes(functions);
    let loadCost = 0;
    const picks = this.choices.map((choice) => {
      const pick = this.smallest(choice, functions, paid);
      bytes += pick ? ownBytes(pick, functions) : choice.denseBytes;
      loadCost += pick?.loadCost ?? 0;
      for (const { id, bytes: size } of pick?.shared ?? []) {
        if (paid[id] === 1) continue;
        paid[id] = 1;
        bytes += size;
      }
      return pick;
    });
    return { picks, functions, bytes, cost: bytes + loadCost };
  }

  private smallest(
    { options, limitBytes }: Choice,
    functions: ReadonlySet<ChainStructure>,
    paid: Uint8Array,
  ): FormOption | undefined {
    let pick: FormOption | undefined;
    let least = Infinity;
    for (const option of options) {
      let size = ownBytes(option, functions);
      if (size + option.loadCost > least) continue;
      for (const { id, bytes } of option.shared) if (paid[id] === 0) size += bytes / this.readers[id]!;
      if (size >= limitBytes) continue;
      const cost = size + option.loadCost;
      if (cost < least || (cost === least && pick && option.chain.nodes.length < pick.chain.nodes.length))
        [pick, least] = [option, cost];
    }
    return pick;
  }
}

/** The cost of a form by itself: its bytes, plus its cost of loading in bytes. */
export function ownCost(option: FormOption, functions: ReadonlySet<ChainStructure>): number {
  return ownBytes(option, functions) + option.loadCost;
}

function ownBytes(
  { chain, callBytes, inlineBytes }: FormOption,
  functions: ReadonlySet<ChainStructure>,
): number {
  return functions.has(chain) ? callBytes : inlineBytes;
}

function readersOf(choices: readonly Choice[]): Float64Array {
  let count = 0;
  for (const { options } of choices)
    for (const { shared } of options) for (const { id } of shared) count = Math.max(count, id + 1);
  const readers = new Float64Array(count);
  for (const { options } of choices) {
    const large = new Set<SharedConstant>();
    for (const { shared } of options)
      for (const constant of shared) if (constant.bytes >= LARGE) large.add(constant);
    for (const { id } of large) readers[id]!++;
  }
  return readers.map((known) => Math.max(1, known));
}
