/** Linear algebra for the passes of a run: in the calibration process, where onnxruntime multiplies. */
import { withInputsRead } from "../calibration/layer-inputs.js";
import type { CalibrationProcess } from "../calibration/process.js";
import { EdgecError } from "../errors.js";
import { IN_PLACE, plainLinearAlgebra } from "../passes/compute.js";
import type { Compute } from "../passes/contract.js";
import { type LinearAlgebra, linearAlgebraOver, type RoutineName, type RunRoutine } from "../solver/index.js";

/** Names the work in the error if the process crashes. */
const DOING = "solving for the weights of a layer";

/** Without onnxruntime, `compute` does the same in plain JavaScript. */
export function runLinearAlgebra(process: CalibrationProcess, compute: Compute = IN_PLACE): LinearAlgebra {
  const plain = plainLinearAlgebra(compute);
  let isMissing = false;
  const runHere = (routine: RoutineName, args: readonly unknown[]): Promise<unknown> =>
    plain.run(routine, ...withInputsRead<typeof routine>(args as never));
  const run = async (routine: RoutineName, ...args: readonly unknown[]): Promise<unknown> => {
    if (isMissing) return runHere(routine, args);
    try {
      return await (await process.client()).call("solve", [routine, args as never], DOING);
    } catch (error) {
      if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
      isMissing = true;
      return runHere(routine, args);
    }
  };
  return linearAlgebraOver(run as RunRoutine, true);
}
