import { describe, expect, it } from "vitest";
import { openExact } from "../../src/calibration/exact-session.js";
import { EdgecError } from "../../src/errors.js";
import { floatTensor, makeNode, type Feed } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { loadRuntime } from "../../src/runtime/index.js";
import type { LocalSession, OnnxRuntime, SessionOptions } from "../../src/runtime/runtime.js";
import { feed, model } from "./tiny-models.js";

const FED = feed([1], [1]);

const refusal = (words: string): EdgecError => new EdgecError("MODEL_REJECTED", words);

/** A runtime that fails where it is told to while the setting is on, and keeps a record of what it was asked. */
function runtimeFailing(at: "load" | "run" | "nowhere"): OnnxRuntime & { readonly log: string[] } {
  const log: string[] = [];
  const open = (_: string | Uint8Array, { config, threads }: SessionOptions = {}): Promise<LocalSession> => {
    const kind = config?.["session.x64quantprecision"] === "1" ? "exact" : "plain";
    log.push(`open ${kind} with ${threads} threads`);
    if (kind === "exact" && at === "load") return Promise.reject(refusal("cannot load"));
    return Promise.resolve({
      inputNames: ["x"], outputNames: ["y"],
      run: (fed: Feed, outputs?: readonly string[]) => {
        log.push(`run ${kind} for ${outputs?.join()}`);
        return kind === "exact" && at === "run" ? Promise.reject(refusal("cannot run")) : Promise.resolve(fed);
      },
      bind: () => Promise.reject(new Error("is not timed")),
      usedLevel: () => Promise.resolve({ level: "all" }),
      release: () => Promise.resolve(void log.push(`release ${kind}`)),
    });
  };
  return { name: "onnxruntime-node", version: "0", open, log };
}

async function use(runtime: OnnxRuntime): Promise<void> {
  const session = await openExact(runtime, "model.onnx", { threads: 3 });
  expect([await session.run(FED, ["y"]), await session.run(FED, ["z"])]).toEqual([FED, FED]);
  await session.release();
}

describe("a session", () => {
  it("has the setting on where the runtime takes it", async () => {
    const runtime = runtimeFailing("nowhere");
    await use(runtime);
    expect(runtime.log).toEqual(["open exact with 3 threads", "run exact for y", "run exact for z", "release exact"]);
  });

  it("goes without where the model does not load with it", async () => {
    const runtime = runtimeFailing("load");
    await use(runtime);
    expect(runtime.log).toEqual(["open exact with 3 threads", "open plain with 3 threads", "run plain for y", "run plain for z", "release plain"]);
  });

  it("goes without from the first run that fails with it", async () => {
    const runtime = runtimeFailing("run");
    await use(runtime);
    expect(runtime.log).toEqual(["open exact with 3 threads", "run exact for y", "release exact", "open plain with 3 threads", "run plain for y", "run plain for z", "release plain"]);
  });

  it("passes on what fails without the setting too", async () => {
    const runtime: OnnxRuntime = { ...runtimeFailing("nowhere"), open: () => Promise.reject(refusal("no such operator")) };
    await expect(openExact(runtime, "model.onnx", {})).rejects.toThrow("no such operator");
  });

  it("does not open a session anew for a sample that fails after others ran", async () => {
    const runtime = runtimeFailing("nowhere");
    let runs = 0;
    const session = await openExact({
      ...runtime, open: async (path, options) => ({ ...(await runtime.open(path, options)), run: (fed) => (runs++ === 0 ? Promise.resolve(fed) : Promise.reject(refusal("bad sample"))) }),
    }, "model.onnx", {});
    await session.run(FED, ["y"]);
    await expect(session.run(FED, ["y"])).rejects.toThrow("bad sample");
    expect(runtime.log).toHaveLength(1);
  });
});

it("gives in onnxruntime what the model computes", async () => {
  const bytes = encodeModelBytes(model([1], [makeNode("Mul", ["x", "two"], ["y"])], [floatTensor("two", [], Float32Array.of(2))]));
  const runtime = await loadRuntime();
  const session = await openExact({ ...runtime, name: runtime.name, version: runtime.version, open: (_, options) => runtime.open(bytes, options) }, "in memory", {});
  expect((await session.run(feed([1], [21]), ["y"])).y!.data).toEqual(Float32Array.of(42));
  await session.release();
});
