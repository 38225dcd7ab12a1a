import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { abortable } from "../../src/abort.js";
import { transferable } from "../../src/numeric/transferable.js";
import { Thread, ThreadPool } from "../../src/threads/index.js";
import type * as Functions from "./functions.mjs";

const MODULE = new URL("./functions.mjs", import.meta.url);
const open: { stop?(): Promise<void>; close?(): Promise<void> }[] = [];

function thread(): Thread<typeof Functions> {
  const started = new Thread<typeof Functions>(MODULE);
  open.push(started);
  return started;
}

function pool(size: number): ThreadPool<typeof Functions> {
  const made = new ThreadPool<typeof Functions>(MODULE, size);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const each of open.splice(0)) await (each.stop?.() ?? each.close?.());
});

describe("Thread", () => {
  it("answers calls in their order", async () => {
    const started = thread();
    expect(await Promise.all([started.call("count", []), started.call("count", []), started.call("count", [])])).toEqual([1, 2, 3]);
  });

  it("hands large arrays over and copies small ones", async () => {
    const started = thread();
    const [large, small] = [new Float64Array(10_000).fill(1.5), Float64Array.of(1, 2)];
    expect((await started.call("double", [large]))[9_999]).toBe(3);
    expect([...await started.call("double", [small])]).toEqual([2, 4]);
    expect([large.length, small.length]).toEqual([0, 2]);
  });

  it("passes on what a function throws, with its class, and goes on", async () => {
    const started = thread();
    const failure = started.call("fail", []);
    await expect(failure).rejects.toThrow("not positive definite");
    await expect(failure).rejects.toBeInstanceOf(RangeError);
    expect(await started.call("count", [])).toBe(1);
  });

  it("rejects all calls, now and later, when it ends early", async () => {
    const started = thread();
    const calls = [started.call("threadEnds", []), started.call("count", [])];
    for (const call of calls) await expect(call).rejects.toThrow("ended early");
    await expect(started.call("count", [])).rejects.toThrow("ended early");
  });

  it("rejects calls to a module that is not there", async () => {
    const started = new Thread<typeof Functions>(new URL("./missing.mjs", import.meta.url));
    open.push(started);
    await expect(started.call("count", [])).rejects.toThrow("missing.mjs");
  });

  it("is stopped in the middle of a loop", async () => {
    const started = thread();
    const call = started.call("spin", []);
    call.catch(() => undefined);
    await started.stop(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });
});

describe("ThreadPool", () => {
  it("starts no more threads than it may, and one for each call at once up to that", async () => {
    const counts = await Promise.all(Array.from({ length: 5 }, () => pool3.call("count", [])));
    // Three threads of their own count: 1, 1, 1, and two of them go on to 2.
    expect(counts.sort()).toEqual([1, 1, 1, 2, 2]);
    await pool3.close();
  });
  const pool3 = pool(3);

  it("ends with the run that uses it, while a thread is busy, and leaves no listener", async () => {
    const controller = new AbortController();
    const busy = pool(2);
    const run = abortable(controller.signal, () => busy.call("spin", []));
    run.catch(() => undefined);
    controller.abort(new Error("stopped by the user"));
    await expect(run).rejects.toThrow("stopped by the user");
    await expect(busy.call("count", [])).rejects.toThrow("stopped by the user");
    await busy.close();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("transferable", () => {
  const LARGE = 16_384 / 8;

  it("takes whole large buffers, once, wherever they lie", () => {
    const array = new Float64Array(LARGE);
    expect(transferable([{ a: array, b: [array] }, undefined, "text", 3])).toEqual([array.buffer]);
  });

  it("leaves views on a part, small arrays and shared memory", () => {
    const shared = new Float64Array(new SharedArrayBuffer(8 * LARGE));
    expect(transferable([new Float64Array(LARGE + 1).subarray(1), new Float64Array(LARGE - 1), shared])).toEqual([]);
  });
});
