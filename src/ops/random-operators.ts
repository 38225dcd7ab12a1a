/** Operators whose result differs in every run. Dropout is another one, but only where it trains. */
export const RANDOM_OPERATORS: ReadonlySet<string> = new Set([
  "Bernoulli",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);
