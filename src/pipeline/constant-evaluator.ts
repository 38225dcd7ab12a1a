/** Evaluates constant sub-models with onnxruntime in its child process, for passes that may not run it themselves. */
import { DataType, integerTensor, type Model, type Tensor, type TensorValue } from "../ir/index.js";
import { encodeModelBytes } from "../onnx/index.js";
import type { ConstantEvaluator } from "../passes/contract.js";
import type { RemoteRuntime } from "../runtime/index.js";

/**
 * What onnxruntime cannot compute (an operator it has no kernel for) is answered by an empty map: those nodes stay.
 */
export function constantEvaluator(runtime: RemoteRuntime): ConstantEvaluator {
  return {
    evaluate: async (model: Model) => {
      try {
        const session = await runtime.open(encodeModelBytes(model), { optimization: "disabled" });
        try {
          const outputs = await session.run({});
          return new Map(Object.entries(outputs).flatMap(([name, value]) => asTensor(name, value)));
        } finally {
          await session.release();
        }
      } catch {
        return new Map();
      }
    },
  };
}

function asTensor(name: string, { dataType, dims, data }: TensorValue): [string, Tensor][] {
  if (dataType === DataType.STRING || !ArrayBuffer.isView(data)) return [];
  return [[name, integerTensor(name, dims, dataType, data)]];
}
