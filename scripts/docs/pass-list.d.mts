export function passList(): string;
export function commentsIn(texts: readonly string[]): Map<string, Map<string, string>>;
export function section(
  pass: { readonly name: string; readonly description: string; readonly defaults: object },
  comments?: ReadonlyMap<string, string>,
): string;
