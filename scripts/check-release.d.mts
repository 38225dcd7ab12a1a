export function faultsOfRelease(folder?: string): string[];
