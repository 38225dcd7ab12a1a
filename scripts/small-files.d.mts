export const LINES: number;
export const LIMIT: number;
export function sources(root?: string): Map<string, string>;
export function smallFiles(files: ReadonlyMap<string, string>): string[];
