export type { ModelTimes, TimingOptions } from "./interleaved.js";
export { loadRuntime, type RuntimeKind } from "./load.js";
export { nativeRuntime, type NativeRuntime } from "./native.js";
export { openRemote, RemoteRuntime, RemoteSession } from "./remote.js";
export { type OnnxRuntime, type OptimizationLevel, type Session, type SessionOptions, YIELDING } from "./runtime.js";
export { startService, type ServiceClient, type ServiceOptions } from "./service.js";
