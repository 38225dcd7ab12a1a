import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import {
  DataType,
  floatTensor,
  int64Tensor,
  integerTensor,
  makeNode,
  type Feed,
  type Tensor,
  type TensorValue,
} from "../../src/ir/index.js";
import { loadNode } from "../../src/runtime/ort-node.js";
import { loadWeb } from "../../src/runtime/ort-web.js";
import { cleanWords } from "../../src/runtime/rejection.js";
import type { OnnxRuntime } from "../../src/runtime/runtime.js";
import { identityBytes, tinyBytes } from "../support/declared-models.js";

const LENET = "fixtures/models/lenet.onnx";
const folder = mkdtempSync(join(tmpdir(), "edgec-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const VALUES: readonly TensorValue[] = [
  { dataType: DataType.FLOAT, dims: [2], data: Float32Array.of(1.5, NaN) },
  { dataType: DataType.DOUBLE, dims: [0], data: new Float64Array(0) },
  { dataType: DataType.FLOAT16, dims: [2], data: Uint16Array.of(0x3c00, 0xfc00) },
  { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(-(2n ** 62n)) },
  { dataType: DataType.UINT64, dims: [1], data: BigUint64Array.of(2n ** 63n) },
  { dataType: DataType.INT8, dims: [1], data: Int8Array.of(-128) },
  { dataType: DataType.BOOL, dims: [2], data: Uint8Array.of(0, 1) },
  { dataType: DataType.STRING, dims: [2], data: ["a", "ü"] },
];

describe.each([
  ["onnxruntime-node", loadNode],
  ["onnxruntime-web", loadWeb],
] as const)("%s", (name, load) => {
  test("gives its name and version", async () => {
    expect(await load()).toMatchObject({ name, version: expect.stringMatching(/^1\.\d+\.\d+$/) as string });
  });

  test.each(VALUES)("passes values of type $dataType through unchanged", async (x) => {
    const session = await (await load()).open(identityBytes(x.dataType));
    expect(await session.run({ x })).toEqual({ y: x });
  });

  test("refuses a file that is not a model", async () => {
    await expect((await load()).open("package.json")).rejects.toMatchObject({
      code: "MODEL_REJECTED",
      message: expect.stringMatching(/^package\.json: /) as string,
    });
    await expect((await load()).open(new TextEncoder().encode("no model"))).rejects.toMatchObject({
      code: "MODEL_REJECTED",
    });
  });

  test("says when there is no such file", async () => {
    await expect((await load()).open("missing.onnx")).rejects.toMatchObject({ code: "CANNOT_READ" });
  });

  test("refuses to return a 4-bit output", async () => {
    const scale = floatTensor("s", [], Float32Array.of(1));
    const zero = integerTensor("z", [], DataType.INT4, Uint8Array.of(0));
    const bytes = tinyBytes(
      [makeNode("QuantizeLinear", ["x", "s", "z"], ["y"])],
      { x: [DataType.FLOAT, [2]] },
      { y: [DataType.INT4, [2]] },
      [scale, zero],
    );
    const session = await (await load()).open(bytes);
    await expect(
      session.run({ x: { dataType: DataType.FLOAT, dims: [2], data: Float32Array.of(1, 2) } }),
    ).rejects.toMatchObject({ code: "MODEL_REJECTED" });
  });

  test("says that JavaScript loses the name of an output", async () => {
    const bytes = tinyBytes(
      [makeNode("Relu", ["x"], ["__proto__"])],
      { x: [DataType.FLOAT, [1]] },
      Object.fromEntries([["__proto__", [DataType.FLOAT, [1]]]]),
    );
    const session = await (await load()).open(bytes);
    await expect(session.run({ x: floats(1) })).rejects.toMatchObject({
      code: "MODEL_REJECTED",
      message: expect.stringContaining('output "__proto__" has a name') as string,
    });
  });

  test("finds external data beside the model", async () => {
    const path = writeExternal("model.onnx");
    const session = await (await load()).open(path);
    expect(await session.run({ x: floats(1, 2, 3) })).toEqual({ y: floats(11, 22, 33) });
  });

  test("refuses data that does not fit, and blames the data", async () => {
    const session = await (await load()).open(LENET);
    await expect(session.run({})).rejects.toMatchObject({
      code: "BAD_DATA",
      message: `${LENET}: the feed has no value for input "input"; it has none`,
    });
    await expect(session.run({ input: floats(1) })).rejects.toMatchObject({ code: "BAD_DATA" });
    await expect(session.run({ input: { ...floats(1), dims: [2] } })).rejects.toThrow(
      "has 1 elements, but its shape [2] needs 2",
    );
  });

  test("returns only the requested outputs", async () => {
    const nodes = [makeNode("Neg", ["x"], ["a"]), makeNode("Abs", ["x"], ["b"])];
    const session = await (
      await load()
    ).open(
      tinyBytes(
        nodes,
        { x: [DataType.FLOAT, ["n"]] },
        { a: [DataType.FLOAT, ["n"]], b: [DataType.FLOAT, ["n"]] },
      ),
    );
    expect(await session.run({ x: floats(-1) }, ["b"])).toEqual({ b: floats(1) });
    await expect(session.run({ x: floats(-1) }, ["c"])).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

test("node and web agree on a real model", async () => {
  const feed: Feed = {
    input: {
      dataType: DataType.FLOAT,
      dims: [1, 3, 32, 32],
      data: Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
    },
  };
  const logitsOf = async (runtime: OnnxRuntime): Promise<Float32Array> =>
    (await (await runtime.open(LENET)).run(feed)).logits?.data as Float32Array;
  const [node, web] = [await logitsOf(await loadNode()), await logitsOf(await loadWeb())];
  node.forEach((value, i) => expect(web[i]).toBeCloseTo(value, 4));
});

test("x64quantprecision gives exact 8-bit products where the processor would saturate", async () => {
  const w = integerTensor("w", [32, 8], DataType.INT8, new Int8Array(256).fill(127));
  const bytes = tinyBytes(
    [makeNode("MatMulInteger", ["x", "w"], ["y"])],
    { x: [DataType.UINT8, [1, 32]] },
    { y: [DataType.INT32, [1, 8]] },
    [w],
  );
  const session = await (await loadNode()).open(bytes, { config: { "session.x64quantprecision": "1" } });
  const { y } = await session.run({
    x: { dataType: DataType.UINT8, dims: [1, 32], data: new Uint8Array(32).fill(255) },
  });
  expect(y?.data[0]).toBe(32 * 255 * 127);
});

test("the executed graph is written on request, and web says that it cannot", async () => {
  const optimizedModelPath = join(folder, "optimized.onnx");
  await (await loadNode()).open(LENET, { optimizedModelPath });
  expect(readFileSync(optimizedModelPath).byteLength).toBeGreaterThan(200_000);
  await expect((await loadWeb()).open(LENET, { optimizedModelPath })).rejects.toMatchObject({
    code: "RUNTIME_MISSING",
  });
});

test("a failing node is named, without build paths", async () => {
  const reshape = makeNode("Reshape", ["x", "s"], ["y"], [], "resh");
  const bytes = tinyBytes([reshape], { x: [DataType.FLOAT, ["n"]] }, { y: [DataType.FLOAT] }, [
    int64Tensor("s", [3, 5]),
  ]);
  const session = await (await loadNode()).open(bytes);
  const error = (await session.run({ x: floats(1, 2) }).catch((e: unknown) => e)) as Error;
  expect(error.message).toMatch(
    /cannot run the model: node "resh" \(Reshape\): .*The input tensor cannot be reshaped to the requested shape/,
  );
  expect(error.message).not.toMatch(/\.h:|::/);
});

test("onnxruntime's messages are cleaned", () => {
  const refused =
    'Load model from a.onnx failed:This is an invalid model. In Node, ("n", Foo, "", -1) ' +
    ': ("x",) -> ("y",) , Error No Op registered for Foo';
  expect(cleanWords(refused)).toBe('node "n" (Foo): No Op registered for Foo');
  const failed =
    "failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: /b/op_kernel.cc:83 virtual A *b::C::D(int, const E &) " +
    "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Tensor shape is too large\n";
  expect(cleanWords(failed)).toBe("Tensor shape is too large");
  const missing =
    "failed for initializer: w. Error: tensorprotoutils.cc:461 " +
    'ValidateExternalDataPathFromDir External data path does not exist: "w.bin"';
  expect(cleanWords(missing)).toBe(
    'failed for initializer: w. Error: External data path does not exist: "w.bin"',
  );
});

describe("loadRuntime", () => {
  afterEach(() => {
    vi.doUnmock("onnxruntime-node");
    vi.doUnmock("onnxruntime-web/wasm");
    vi.unstubAllEnvs();
  });

  const load = async (): Promise<{ name: string }> => {
    vi.resetModules();
    return (await import("../../src/runtime/load.js")).loadRuntime();
  };
  const uninstall = (name: string): unknown =>
    vi.doMock(name, () => {
      throw new Error(`Cannot find package '${name}'`);
    });

  test("prefers the native package", async () => expect((await load()).name).toBe("onnxruntime-node"));

  test("falls back to WebAssembly", async () => {
    uninstall("onnxruntime-node");
    expect((await load()).name).toBe("onnxruntime-web");
  });

  test("EDGEC_RUNTIME forces one", async () => {
    vi.stubEnv("EDGEC_RUNTIME", "web");
    expect((await load()).name).toBe("onnxruntime-web");
  });

  test("refuses an unknown value of EDGEC_RUNTIME", async () => {
    vi.stubEnv("EDGEC_RUNTIME", "gpu");
    await expect(load()).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  test("says what to install when there is none", async () => {
    uninstall("onnxruntime-node");
    uninstall("onnxruntime-web/wasm");
    await expect(load()).rejects.toMatchObject({
      code: "RUNTIME_MISSING",
      message: expect.stringContaining(
        'Install one with "npm install onnxruntime-node" or "npm install onnxruntime-web"',
      ) as string,
    });
  });
});

function floats(...values: number[]): TensorValue {
  return { dataType: DataType.FLOAT, dims: [values.length], data: Float32Array.from(values) };
}

/** y = x + w, with w = (10, 20, 30) in a file of its own. */
function writeExternal(name: string): string {
  writeFileSync(join(folder, "w.bin"), Float32Array.of(10, 20, 30));
  const w: Tensor = {
    name: "w",
    dims: [3],
    dataType: DataType.FLOAT,
    dataLocation: 1,
    externalData: [{ key: "location", value: "w.bin" }],
  };
  const path = join(folder, name);
  writeFileSync(
    path,
    tinyBytes(
      [makeNode("Add", ["x", "w"], ["y"])],
      { x: [DataType.FLOAT, [3]] },
      { y: [DataType.FLOAT, [3]] },
      [w],
    ),
  );
  return path;
}
