/** Binds a pass definition to options: unknown option names are refused, defaults filled in. */
import { EdgecError, suggestion } from "../errors.js";
import { NameWatch, nestedGraphs, type Graph, type Model } from "../ir/index.js";
import type { Pass, PassDefinition, PassFactory } from "./contract.js";
import { checkDefinition } from "./check-definition.js";
import { checkedRequests, checkedResult } from "./pass-result.js";

export function definePass<Options extends object>(
  definition: PassDefinition<Options>,
): PassFactory<Options> {
  checkDefinition(definition);
  const factory = (given: Partial<Options> = {}): Pass => {
    const options = mergeOptions(definition, given);
    return {
      name: definition.name,
      definition,
      lossy: definition.lossy,
      options: options as Readonly<Record<string, unknown>>,
      ...(definition.isSearched ? { isSearched: definition.isSearched } : {}),
      ...(definition.sizeEffect === undefined ? {} : { sizeEffect: definition.sizeEffect }),
      ...(definition.strength
        ? {
            strength: definition.strength,
            withStrength: (value: number) => factory({ ...given, [definition.strength!.option]: value }),
          }
        : {}),
      statistics: (model) =>
        definition.statistics ? checkedRequests(definition.statistics(model, options)) : [],
      run: async (model, context) => {
        const names = new NameWatch(model);
        const result = checkedResult(await definition.run(model, options, context));
        if (!result.modified) return result;
        allowUnlistedConstants(model);
        names.record(definition.name);
        return result;
      },
    };
  };
  return Object.assign(factory, { definition });
}

/**
 * Before IR version 4, every constant had to be a graph input as well, also in bodies, and onnxruntime rejects
 * models where one is not. Passes add constants without listing them, so they raise such a model to version 4,
 * where constants that are listed as inputs become defaults.
 */
function allowUnlistedConstants(model: Model): void {
  if (model.irVersion === undefined || model.irVersion >= 4n) return;
  if ([...nestedGraphs(model.graph)].some(holdsUnlisted)) model.irVersion = 4n;
}

function holdsUnlisted({ inputs, initializers }: Graph): boolean {
  const listed = new Set(inputs.map((input) => input.name));
  return initializers.some(({ name = "" }) => !listed.has(name));
}

function mergeOptions<Options extends object>(
  definition: PassDefinition<Options>,
  given: Partial<Options>,
): Options {
  const known = Object.keys(definition.defaults);
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new EdgecError(
        "BAD_OPTION",
        `pass "${definition.name}" has no option "${name}".${suggestion(name, known)} It ` +
          `takes: ${known.join(", ") || "none"}.`,
      );
    }
  }
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options = { ...definition.defaults, ...defined } as Options;
  definition.validate?.(options);
  return options;
}
