export type { ModelTimes, TimingOptions } from "./interleaved.js";
export { loadRuntime, type RuntimeKind } from "./load.js";
export { openRemote, RemoteRuntime, RemoteSession } from "./remote.js";
export type { OnnxRuntime, OptimizationLevel, Session, SessionOptions } from "./runtime.js";
export { startService, type ServiceClient, type ServiceOptions } from "./service.js";
