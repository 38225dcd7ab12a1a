export function double(array: Float32Array): Promise<Float32Array>;
export function throws(): Promise<never>;
export function throwsEdgecError(): Promise<never>;
export function exits(): Promise<never>;
export function killsItself(): Promise<never>;
export function exhaustsHeap(): Promise<never>;
export function blocks(): Promise<never>;
export function environment(name: string): Promise<string | undefined>;
export function isKilledBy(signal: string): Promise<never>;
