import { afterAll, beforeAll, expect, test } from "vitest";
import { DataType, type Feed } from "../../src/ir/index.js";
import { decodeModel } from "../../src/onnx/index.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";

const LENET = "fixtures/models/lenet.onnx";
const FEED: Feed = {
  input: { dataType: DataType.FLOAT, dims: [1, 3, 32, 32], data: new Float32Array(3072).fill(0.25) },
};

let remote: RemoteRuntime;
beforeAll(async () => (remote = await openRemote()));
afterAll(() => remote.close());

test("a session in the child gives onnxruntime's results", async () => {
  const session = await remote.open(LENET);
  expect([session.inputNames, session.outputNames]).toEqual([["input"], ["logits"]]);
  const { logits } = await session.run(FEED);
  expect(logits?.dims).toEqual([1, 10]);
  await session.release();
  await expect(session.run(FEED)).rejects.toThrow("already been released");
});

test("a rejected model keeps its code across the process", async () => {
  await expect(remote.open("package.json")).rejects.toMatchObject({
    name: "EdgecError",
    code: "MODEL_REJECTED",
  });
});

test("timing gives one sample per model and round", async () => {
  const times = await remote.timeInterleaved([LENET, LENET], [FEED], { warmup: 1, runs: 3, threads: 1 });
  expect(times.map(({ samplesMs }) => samplesMs.length)).toEqual([3, 3]);
  expect(times.flatMap(({ samplesMs }) => samplesMs).every((ms) => ms > 0)).toBe(true);
});

test("timing continues until the model was timed for long enough, and no longer", async () => {
  const minMs = 1;
  const { samplesMs } = (
    await remote.timeInterleaved([LENET], [FEED], { warmup: 0, runs: 1, threads: 1, minMs })
  )[0]!;
  const total = (times: readonly number[]): number => times.reduce((sum, time) => sum + time, 0);
  expect(samplesMs.length === 20 || total(samplesMs) >= minMs).toBe(true);
  expect(samplesMs.length === 1 || total(samplesMs.slice(0, -1)) < minMs).toBe(true);
});

test("timing stops after twenty times the requested rounds", async () => {
  const [times] = await remote.timeInterleaved([LENET], [FEED], {
    warmup: 0,
    runs: 2,
    threads: 1,
    minMs: 1e9,
  });
  expect(times?.samplesMs).toHaveLength(40);
});

test("the optimized graph holds the kernels that run, without the weights", async () => {
  const bytes = await remote.optimizedGraph(LENET);
  expect(bytes.byteLength).toBeLessThan(20_000);
  expect(decodeModel(bytes).graph.nodes.map((node) => node.opType)).toContain("FusedGemm");
});

test("the package to load can be chosen", async () => {
  const web = await openRemote("web");
  expect(web.info()).toEqual({ name: "onnxruntime-web", version: expect.stringMatching(/^1\./) as string });
  await web.close();
});

test("a crash says which model was running", async () => {
  const victim = await openRemote();
  const session = await victim.open(LENET);
  const running = session.run(FEED);
  process.kill(victim.pid ?? 0, "SIGKILL");
  await expect(Promise.all([running, session.run(FEED)])).rejects.toMatchObject({
    code: "RUNTIME_CRASHED",
    message: expect.stringContaining(`while running ${LENET}`) as string,
  });
  await victim.close();
});
