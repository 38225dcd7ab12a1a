export const AGREED: string;
export function publicApi(entry?: string): { readonly text: string; readonly unnamed: readonly string[] };
