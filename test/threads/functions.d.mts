export function double(values: Float64Array): Float64Array;
export function fail(): void;
export function spin(): void;
export function threadEnds(): void;
export function count(): number;
