export { calibrate, type CalibrationOptions } from "./calibrate.js";
