export { detect, featuresIn, thisMachine, type Detection, type Machine } from "./detect.js";
export {
  ACTIVATIONS,
  FORMATS,
  WEIGHT_RANGES,
  type Activation,
  type CostTable,
  type Device,
  type Format,
  type Target,
  type TargetProfile,
  type WeightRange,
} from "./profile.js";
export {
  CPU_KERNELS,
  operatorsOf,
  operatorsWithoutKernel,
  takesChannelScales,
  type Int8Kernel,
  type KernelRole,
  type KernelTable,
  type OperandCodes,
} from "./kernels.js";
export { GENERIC, PROFILES, SATURATING, TARGETS } from "./profiles.js";
export type { RegisteredTarget } from "./registered-target.js";
export { profileOf, readProfile } from "./read-profile.js";
export { isProfilePath, NATIVE, resolveTarget } from "./resolve.js";
