/** `calibrate` in one process for all tests of a file: starting one takes longer than most of them. */
import { afterAll } from "vitest";
import { calibrate, type CalibrationOptions } from "../../src/calibration/calibrate.js";
import { CalibrationProcess } from "../../src/calibration/process.js";
import type { Statistics } from "../../src/numeric/statistics.js";

/** To be called once in a file. The process starts when it is first needed, and again after a crash. */
export function calibrateInOneProcess(): (options: CalibrationOptions) => Promise<Statistics> {
  const process = processOfFile();
  return (options) => calibrate({ process, ...options });
}

/** A process that ends with the tests of the file. */
export function processOfFile(): CalibrationProcess {
  const process = new CalibrationProcess();
  afterAll(() => process.close());
  return process;
}
