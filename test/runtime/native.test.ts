/** The look for a runtime starts a process, which the first comparison of the run takes over. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { abortable } from "../../src/abort.js";
import { loadRuntime, RuntimeSearch } from "../../src/runtime/index.js";
import type { startService } from "../../src/runtime/service.js";

/** How many processes were started. */
const { started } = vi.hoisted(() => ({ started: { count: 0 } }));

vi.mock("../../src/runtime/service.js", async (original) => {
  const real = await original<{ startService: typeof startService }>();
  return {
    ...real,
    startService: (...given: Parameters<typeof startService>) => {
      started.count++;
      return real.startService(...given);
    },
  };
});

describe("the search for a runtime", () => {
  const kind = process.env.EDGEC_RUNTIME;
  // Another value of the variable has not been looked up yet.
  const runtimes = ["node", "", "web", undefined];
  afterEach(() => {
    if (kind === undefined) delete process.env.EDGEC_RUNTIME;
    else process.env.EDGEC_RUNTIME = kind;
  });
  const unknown = (): RuntimeSearch => {
    const next = runtimes.shift();
    if (next !== undefined) process.env.EDGEC_RUNTIME = next;
    started.count = 0;
    return new RuntimeSearch();
  };

  it("ends with the run that started it, and no other", async () => {
    const [first, second] = [unknown(), new RuntimeSearch()];
    const controller = new AbortController();
    const looking = abortable(controller.signal, () => first.look(true));
    const other = second.look(false);
    controller.abort(new Error("enough"));
    await expect(looking).rejects.toThrow("enough");
    expect(await other).toMatchObject({ isThere: true, reason: "" });
    expect(second.take()).toBeUndefined();
  });

  it("gives its process to the first who asks, and starts none when the answer is known", async () => {
    const search = unknown();
    expect(await search.look(true)).toEqual({ isThere: true, reason: "" });
    const runtime = search.take();
    expect(runtime?.name).toBe((await loadRuntime()).name);
    expect(search.take()).toBeUndefined();
    await search.close();
    expect(runtime?.pid).toBeTypeOf("number");
    await runtime?.close();
    const again = new RuntimeSearch();
    expect(await again.look(true)).toEqual({ isThere: true, reason: "" });
    expect(again.take()).toBeUndefined();
    expect(started.count).toBe(1);
  });

  it("ends a process that nobody has taken", async () => {
    const search = unknown();
    await search.look(true);
    expect(started.count).toBe(1);
    await search.close();
    expect(search.take()).toBeUndefined();
  });
});
