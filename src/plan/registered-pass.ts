/** A pass as the registry holds it: its definition with the type of its options erased. */
import type { Pass, PassFactory, PassFlag, SearchedForms } from "../passes/contract.js";

export interface RegisteredPass {
  readonly name: string;
  readonly description: string;
  readonly lossy: boolean;
  readonly flag: PassFlag | undefined;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly growsFile: boolean;
  readonly forms: SearchedForms;
  /** Tells passes of one name apart. */
  readonly definition: object;
  /** Binds options; throws EdgecError BAD_OPTION for a name or value that the pass does not take. */
  bind(options?: Readonly<Record<string, unknown>>): Pass;
}

/** Erases the options' type, which `definePass` checks by name and value when it binds them. */
export function registered<Options extends object>(factory: PassFactory<Options>): RegisteredPass {
  const { definition } = factory;
  const { name, description, lossy, flag, defaults, growsFile = false, forms = {} } = definition;
  return {
    name,
    definition,
    description,
    lossy,
    flag,
    growsFile,
    forms,
    defaults,
    bind: (options = {}) => factory(options as Partial<Options>),
  };
}

/**
 * The property under which a flag's value travels: "--prune <ratio>" is `prune`, "--max-drop <n>" is
 * `maxDrop`.
 */
export function flagKey(flag: PassFlag): string {
  const name = /--([a-z0-9-]+)/.exec(flag.syntax)?.[1] ?? flag.syntax;
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
