/** Models around one constant, and what onnxruntime makes of them. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { attribute, DataType, makeNode, tensorValue } from "../../../src/ir/index.js";
import type { Model, Node, Tensor, ValueInfo } from "../../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../../src/onnx/index.js";
import { bareModel } from "../../support/bare-model.js";

export const CONTEXT = { statistics: undefined, evaluator: undefined, seed: 0 };
export const LEVELS = ["disabled", "basic", "all"] as const;

export function tinyModel(
  opset: number,
  parts: { inputs: ValueInfo[]; outputs: ValueInfo[]; nodes: Node[]; initializers: Tensor[] },
): Model {
  return bareModel(parts, { opset, irVersion: opset >= 21 ? 10n : 7n });
}

/**
 * y = Concat(w, x) along axis 0, x being one row of zeros: the output begins with the constant as it was
 * decoded.
 */
export function modelOf(tensor: Tensor, opset: number): Model {
  const [rows = 1, ...rest] = tensor.dims;
  return tinyModel(opset, {
    inputs: [tensorValue("x", tensor.dataType, [1, ...rest])],
    outputs: [tensorValue("y", tensor.dataType, [rows + 1, ...rest])],
    nodes: [makeNode("Concat", [tensor.name ?? "", "x"], ["y"], [attribute.int("axis", 0)])],
    initializers: [tensor],
  });
}

const ORT_TYPES: Readonly<Record<number, ort.Tensor.Type>> = {
  [DataType.FLOAT]: "float32",
  [DataType.FLOAT16]: "float16",
  [DataType.INT8]: "int8",
  [DataType.UINT8]: "uint8",
};

export interface Execution {
  readonly outputs: Readonly<Record<string, ort.Tensor>>;
  /** Operators of the graph that onnxruntime executes after its optimizations. */
  readonly operators: string[];
}

/** Runs a model on inputs of zeros, or on those given. */
export async function execute(
  model: Model,
  level: (typeof LEVELS)[number],
  feeds?: Record<string, ort.Tensor>,
): Promise<Execution> {
  const folder = mkdtempSync(join(tmpdir(), "edgec-encode-"));
  try {
    const optimizedModelFilePath = join(folder, "executed.onnx");
    const session = await ort.InferenceSession.create(encodeModelBytes(model), {
      graphOptimizationLevel: level,
      optimizedModelFilePath,
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    const outputs = await session.run(feeds ?? zeros(model));
    await session.release();
    return {
      outputs,
      operators: decodeModel(readFileSync(optimizedModelFilePath)).graph.nodes.map((node) => node.opType),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function zeros(model: Model): Record<string, ort.Tensor> {
  return Object.fromEntries(
    model.graph.inputs.map(({ name, type }) => {
      const dims = (type?.tensor?.shape ?? []).map(Number);
      const count = dims.reduce((product, dim) => product * dim, 1);
      const dataType = type?.tensor?.elementType ?? DataType.FLOAT;
      const data =
        dataType === DataType.FLOAT
          ? new Float32Array(count)
          : dataType === DataType.FLOAT16
            ? new Uint16Array(count)
            : dataType === DataType.INT8
              ? new Int8Array(count)
              : new Uint8Array(count);
      return [name, new ort.Tensor(ORT_TYPES[dataType] ?? "float32", data as Float32Array, dims)];
    }),
  );
}

/** The first bytes of an output. */
export function leadingBytes(tensor: ort.Tensor | undefined, length: number): Uint8Array {
  const data = tensor?.data as Float32Array;
  return new Uint8Array(data.buffer, data.byteOffset, length);
}

/**
 * Numbers from 0 to below 1 from a seed (Lehmer, 48271 mod 2^31 - 1), for tensors that must be the same in
 * every run.
 */
export function seeded(seed = 1): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/**
 * `count` values of which a share `sparsity` is zero and the rest are drawn from `levels` values (0: all
 * distinct).
 */
export function prunedValues(count: number, sparsity: number, levels: number, seed = 1): Float32Array {
  const random = seeded(seed);
  const table = Array.from({ length: levels }, () => random() - 0.5);
  return Float32Array.from({ length: count }, () => {
    if (random() < sparsity) return 0;
    return levels === 0 ? random() - 0.5 : (table[Math.floor(random() * levels)] ?? 0);
  });
}
