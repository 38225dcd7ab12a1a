export { EndedFromOutside } from "./crash.js";
export type { ModelTimes, TimingOptions } from "./interleaved.js";
export { loadRuntime, type RuntimeKind } from "./load.js";
export { type NativeRuntime, RuntimeSearch } from "./native.js";
export { loadingWithin, openRemote, RemoteRuntime, RemoteSession, TIMED } from "./remote.js";
export {
  LEVELS,
  type LocalSession,
  type OnnxRuntime,
  type OptimizationLevel,
  type Session,
  type SessionOptions,
  type UsedLevel,
  YIELDING,
} from "./runtime.js";
export { type LimitError, startService, type ServiceClient, type ServiceOptions } from "./service.js";
export { isReadableType } from "./tensors.js";
