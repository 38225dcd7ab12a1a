/** Computes Xᵀ X in onnxruntime, whose matrix multiplication is some thirty times faster than loops. */
import { attribute, DataType, emptyGraph, makeNode, tensorValue, type Model } from "../ir/index.js";
import type { GramProduct } from "../numeric/gram.js";
import { encodeModel } from "../onnx/index.js";
import { type OnnxRuntime, type Session, YIELDING } from "../runtime/runtime.js";

/** A product that opens its one-node model on first use. */
export function gramProduct(
  runtime: OnnxRuntime,
  threads: number,
): { product: GramProduct; release(): Promise<void> } {
  let session: Promise<Session> | undefined;
  return {
    async product(rows, count, size) {
      session ??= runtime.open(Buffer.concat(encodeModel(gramModel())), { threads, config: YIELDING });
      const x = { dataType: DataType.FLOAT, dims: [count, size], data: rows };
      const { y } = await (await session).run({ x });
      return y!.data as Float32Array;
    },
    async release() {
      await (await session)?.release();
    },
  };
}

/** y = xᵀ x. */
function gramModel(): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 13n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("gram"),
      nodes: [makeNode("Gemm", ["x", "x"], ["y"], [attribute.int("transA", 1)])],
      inputs: [tensorValue("x", DataType.FLOAT, ["rows", "size"])],
      outputs: [tensorValue("y", DataType.FLOAT, ["size", "size"])],
    },
  };
}
