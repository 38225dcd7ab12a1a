import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataset } from "../../src/data/index.js";
import {
  attribute,
  DataType,
  floatTensor,
  GraphEditor,
  integerTensor,
  makeNode,
  type Tensor,
} from "../../src/ir/index.js";
import { encodeModelBytes, readModel } from "../../src/onnx/index.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";
import { modelSizes, readExecuted, verifyModels } from "../../src/verify/index.js";
import { tinyBytes } from "../support/declared-models.js";

const LENET = "fixtures/models/lenet.onnx";
const DIGITS = "fixtures/digits/digits-rgb32-eval.npz";
const folder = mkdtempSync(join(tmpdir(), "edgec-verify-"));
let runtime: RemoteRuntime;
beforeAll(async () => (runtime = await openRemote()));
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true });
});

test("a model agrees with itself, and lenet has the accuracy it was trained to", async () => {
  const evalData = await openDataset(DIGITS, readModel(LENET).graph.inputs);
  const report = await verifyModels({ original: LENET, compressed: LENET, evalData, runs: 5, runtime });
  expect(report.size.ratio).toBe(1);
  expect(report.fidelity).toEqual({
    samples: 1000,
    source: DIGITS,
    outputs: {
      logits: {
        sqnrDb: null,
        sqnrRange: [null, null],
        worst: null,
        comparedAt: "output",
        pooledSqnrDb: null,
        cosine: 1,
        maxAbsError: 0,
        nearZero: false,
        top1Agreement: 1,
        agreement: null,
        nonFinite: 0,
        otherSize: 0,
      },
    },
  });
  expect(report.accuracy).toEqual({
    metric: "top-1",
    original: 98.5,
    compressed: 98.5,
    drop: 0,
    samples: 1000,
  });
  expect(report.latency).toMatchObject({
    runs: 5,
    threads: 1,
    runtime: expect.stringMatching(/^onnxruntime-node 1\./) as string,
  });
  expect(report.executed).toMatchObject({ int8Kernels: 0, floatKernels: 5, strayQdq: 0 });
});

test("halved outputs have an SQNR of 10 log10 4 and the same classes", async () => {
  const model = readModel(LENET);
  const editor = GraphEditor.forMainGraph(model);
  const last = editor.producer("logits");
  if (!last) throw new Error("no logits");
  editor.setOutput(last, 0, "twice");
  editor.addInitializer(floatTensor("half", [], Float32Array.of(0.5)));
  editor.insertAfter(last, makeNode("Mul", ["twice", "half"], ["logits"]));
  const report = await verifyModels({
    original: LENET,
    compressed: write("half.onnx", encodeModelBytes(model)),
    runs: 0,
    runtime,
  });
  expect(report.fidelity).toMatchObject({ samples: 8, source: "random inputs (seed 0)" });
  expect(report.fidelity.outputs.logits?.sqnrDb).toBeCloseTo(10 * Math.log10(4), 3);
  expect(report.fidelity.outputs.logits?.top1Agreement).toBe(1);
  expect(report).toMatchObject({ accuracy: null, latency: null });
});

test("a different model is refused, with the difference", async () => {
  const other = write(
    "other.onnx",
    tinyBytes(
      [makeNode("Relu", ["image"], ["logits"])],
      { image: [DataType.FLOAT, [1]] },
      { logits: [DataType.FLOAT, [1]] },
    ),
  );
  await expect(verifyModels({ original: LENET, compressed: other, runtime })).rejects.toMatchObject({
    code: "USAGE",
    message: `${other} is not a compressed form of ${LENET}: its inputs are image, the original's are input`,
  });
});

test("a metric without labels is refused", async () => {
  await expect(
    verifyModels({ original: LENET, compressed: LENET, metric: "top-1", runtime }),
  ).rejects.toMatchObject({ code: "BAD_OPTION" });
});

test(
  "an int8 MatMul between Q and DQ runs as one integer kernel, and a weight-only " +
    "DequantizeLinear is a stray",
  async () => {
    expect(await readExecuted(runtime, write("qdq.onnx", quantizedMatMul()), {})).toMatchObject({
      int8Kernels: 1,
      floatKernels: 0,
      strayQdq: 0,
    });
    expect(await readExecuted(runtime, write("weight.onnx", weightOnlyConv()), {})).toMatchObject({
      int8Kernels: 0,
      floatKernels: 1,
      strayQdq: 1,
      leftovers: { weightDequantize: [expect.any(String)] },
    });
  },
);

test("packed sizes are those of gzip and brotli on the file with its external data", async () => {
  const bytes = readFileSync(LENET);
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength },
  });
  expect(await modelSizes(LENET)).toEqual({
    raw: bytes.byteLength,
    gzip: gzipSync(bytes, { level: 9 }).byteLength,
    brotli: brotli.byteLength,
  });

  write("w.bin", new Float32Array(1000));
  const w: Tensor = {
    name: "w",
    dims: [1000],
    dataType: DataType.FLOAT,
    dataLocation: 1,
    externalData: [{ key: "location", value: "w.bin" }],
  };
  const path = write(
    "external.onnx",
    tinyBytes(
      [makeNode("Add", ["x", "w"], ["y"])],
      { x: [DataType.FLOAT, [1000]] },
      { y: [DataType.FLOAT, [1000]] },
      [w],
    ),
  );
  expect((await modelSizes(path)).raw).toBe(statSync(path).size + 4000);
});

function write(name: string, bytes: NodeJS.ArrayBufferView): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** x ─ Q ─ DQ ─ MatMul(DQ(w)) ─ Q ─ DQ ─ y */
function quantizedMatMul(): Uint8Array {
  const constants = [
    floatTensor("s", [], Float32Array.of(0.1)),
    integerTensor("z", [], DataType.UINT8, Uint8Array.of(128)),
    integerTensor("wz", [], DataType.INT8, Int8Array.of(0)),
    integerTensor("w", [4, 4], DataType.INT8, new Int8Array(16).fill(3)),
  ];
  const nodes = [
    makeNode("QuantizeLinear", ["x", "s", "z"], ["xq"]),
    makeNode("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
    makeNode("DequantizeLinear", ["w", "s", "wz"], ["wd"]),
    makeNode("MatMul", ["xd", "wd"], ["m"]),
    makeNode("QuantizeLinear", ["m", "s", "z"], ["mq"]),
    makeNode("DequantizeLinear", ["mq", "s", "z"], ["y"]),
  ];
  return tinyBytes(nodes, { x: [DataType.FLOAT, [2, 4]] }, { y: [DataType.FLOAT, [2, 4]] }, constants);
}

function weightOnlyConv(): Uint8Array {
  const constants = [
    floatTensor("s", [], Float32Array.of(0.1)),
    integerTensor("wz", [], DataType.INT8, Int8Array.of(0)),
    integerTensor("w", [2, 2, 3, 3], DataType.INT8, new Int8Array(36).fill(3)),
  ];
  const nodes = [
    makeNode("DequantizeLinear", ["w", "s", "wz"], ["wd"]),
    makeNode("Conv", ["x", "wd"], ["y"], [attribute.ints("kernel_shape", [3, 3])]),
  ];
  return tinyBytes(
    nodes,
    { x: [DataType.FLOAT, [1, 2, 8, 8]] },
    { y: [DataType.FLOAT, [1, 2, 6, 6]] },
    constants,
  );
}
