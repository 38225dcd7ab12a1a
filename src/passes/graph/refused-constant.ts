/** Values that onnxruntime takes when they are computed and refuses when they are constants. */
import { isOp, type GraphEditor } from "../../ir/index.js";

/** Range accepts bounds of shape [1] at run time, but not in the checks that it makes on constants at load. */
export function isRefusedAsConstant(name: string, dims: readonly number[], editor: GraphEditor): boolean {
  return dims.length > 0 && editor.consumers(name).some((user) => isOp(user, "Range"));
}
