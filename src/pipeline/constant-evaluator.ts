/** Evaluates constant sub-models with onnxruntime in its child process, for passes that may not run it themselves. */
import { EdgecError } from "../errors.js";
import { DataType, integerTensor, type Model, type Tensor, type TensorValue } from "../ir/index.js";
import { encodeModelBytes } from "../onnx/index.js";
import type { ConstantEvaluator } from "../passes/contract.js";
import { openRemote, type RemoteRuntime } from "../runtime/index.js";

/** Starts the runtime at the first use; close it when the passes have run. */
export class RuntimeEvaluator implements ConstantEvaluator {
  /** Whether something was to be computed and no runtime is installed. */
  missing = false;
  private runtime: RemoteRuntime | undefined;

  /** What onnxruntime cannot compute (an operator it has no kernel for) is answered by an empty map. */
  async evaluate(model: Model): Promise<ReadonlyMap<string, Tensor>> {
    if (this.missing) return new Map();
    try {
      this.runtime ??= await openRemote();
      return await this.run(this.runtime, model);
    } catch (error) {
      if (!(error instanceof EdgecError)) throw error;
      if (error.code === "RUNTIME_MISSING") this.missing = true;
      if (error.code === "RUNTIME_CRASHED") await this.close();
      return new Map();
    }
  }

  async close(): Promise<void> {
    const { runtime } = this;
    this.runtime = undefined;
    await runtime?.close();
  }

  private async run(runtime: RemoteRuntime, model: Model): Promise<ReadonlyMap<string, Tensor>> {
    const session = await runtime.open(encodeModelBytes(model), { optimization: "disabled" });
    try {
      const outputs = await session.run({});
      return new Map(Object.entries(outputs).flatMap(([name, value]) => asTensor(name, value)));
    } finally {
      await session.release();
    }
  }
}

function asTensor(name: string, { dataType, dims, data }: TensorValue): [string, Tensor][] {
  if (dataType === DataType.STRING || !ArrayBuffer.isView(data)) return [];
  return [[name, integerTensor(name, dims, dataType, data)]];
}
