/** Computes Xᵀ X in onnxruntime, whose matrix multiplication is some thirty times faster than loops. */
import {
  attribute,
  DataType,
  emptyGraph,
  int64Tensor,
  makeNode,
  modelOf,
  tensorValue,
  type Model,
  type TensorValue,
} from "../ir/index.js";
import type { GramProduct } from "../numeric/lower-triangle.js";
import { encodeModel } from "../onnx/index.js";
import { type OnnxRuntime, type Session, YIELDING } from "../runtime/runtime.js";

/** A product that opens its model of a few nodes on first use. */
export function gramProduct(
  runtime: OnnxRuntime,
  threads: number,
): { product: GramProduct; release(): Promise<void> } {
  let session: Promise<Session> | undefined;
  return {
    async product(rows, count, size, [from, to]) {
      session ??= runtime.open(Buffer.concat(encodeModel(gramModel())), { threads, config: YIELDING });
      const x = { dataType: DataType.FLOAT, dims: [count, size], data: rows };
      const { y } = await (await session).run({ x, from: index(from), to: index(to) });
      return y!.data as Float32Array;
    },
    async release() {
      await (await session)?.release();
    },
  };
}

function index(value: number): TensorValue {
  return { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(BigInt(value)) };
}

/** y = aᵀ b, with a the columns of x at `from`..`to` and b those up to `to`. */
function gramModel(): Model {
  const graph = {
    ...emptyGraph("gram"),
    nodes: [
      makeNode("Slice", ["x", "from", "to", "axis"], ["a"]),
      makeNode("Slice", ["x", "start", "to", "axis"], ["b"]),
      makeNode("Gemm", ["a", "b"], ["y"], [attribute.int("transA", 1)]),
    ],
    initializers: [int64Tensor("axis", [1]), int64Tensor("start", [0])],
    inputs: [
      tensorValue("x", DataType.FLOAT, ["rows", "size"]),
      tensorValue("from", DataType.INT64, [1]),
      tensorValue("to", DataType.INT64, [1]),
    ],
    outputs: [tensorValue("y", DataType.FLOAT, ["height", "width"])],
  };
  return modelOf(graph, 8n, [{ domain: "", version: 13n }]);
}
