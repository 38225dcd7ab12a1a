/** Two numbers of parts or layers, and the word behind --only, of a bench that compares how cost grows. */
export function growthArguments(args, defaults) {
  const only = args.indexOf("--only");
  const numbers = only < 0 ? args : args.slice(0, only);
  const word = only < 0 ? "" : args.slice(only + 1).join(" ");
  const counts = numbers.length > 0 ? numbers.map(Number) : defaults;
  const areNumbers = counts.length === 2 && counts.every((count) => Number.isInteger(count) && count > 0);
  return { counts, word, areNumbers };
}
