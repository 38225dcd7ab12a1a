export { detect, featuresIn, thisMachine, type Detection, type Machine } from "./detect.js";
export { ACTIVATIONS, FORMATS, WEIGHT_RANGES, type Activation, type CostTable, type Format, type Target, type TargetProfile, type WeightRange } from "./profile.js";
export { GENERIC, PROFILES } from "./profiles.js";
export { profileOf, readProfile } from "./read-profile.js";
export { isProfilePath, NATIVE, resolveTarget } from "./resolve.js";
