export const AGREED: string;
export function publicApi(): { readonly text: string; readonly unnamed: readonly string[] };
