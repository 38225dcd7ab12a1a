import { afterEach, describe, expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import type { Feed } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { AdaptiveSession } from "../../src/runtime/adaptive-session.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";
import { LEVELS, type LocalSession, type OptimizationLevel, type SessionOptions } from "../../src/runtime/runtime.js";
import { Random } from "../fuzz/random.js";
import { brokenQdq, qdqFeed } from "./broken-qdq.js";

const refusal = (words: string): EdgecError => new EdgecError("MODEL_REJECTED", words);
const FED: Feed = {};

/** What a runtime does at a level, on the feed numbered so. */
type Fate = "loads" | "refuses to load" | "fails to run";

/** A runtime that keeps count of the sessions that are open. */
class Fake {
  open = 0;
  most = 0;
  readonly opened: string[] = [];

  constructor(private readonly fates: Readonly<Record<OptimizationLevel, Fate>>) {}

  session(options: SessionOptions = {}): Promise<LocalSession> {
    return AdaptiveSession.atLevels(options, ({ optimization = "all" }) => this.at(optimization));
  }

  private at(level: OptimizationLevel): Promise<LocalSession> {
    this.opened.push(level);
    if (this.fates[level] === "refuses to load") return Promise.reject(refusal(`${level} refuses`));
    this.most = Math.max(this.most, ++this.open);
    const run = (fed: Feed): Promise<Feed> =>
      this.fates[level] === "fails to run" ? Promise.reject(refusal(`${level} fails`)) : Promise.resolve(fed);
    return Promise.resolve({
      inputNames: [],
      outputNames: [],
      run,
      bind: (fed) => Promise.resolve(() => run(fed)),
      usedLevel: () => Promise.resolve({ level }),
      release: () => {
        this.open--;
        return Promise.resolve();
      },
    });
  }
}

/** By the definition: the highest level at which the model loads and runs. */
const highest = (fates: Readonly<Record<OptimizationLevel, Fate>>): OptimizationLevel | undefined =>
  LEVELS.find((level) => fates[level] === "loads");

describe("a session at no level in particular", () => {
  it("ends up at the highest that loads and runs the model, of all ways in which levels can fail", async () => {
    const fates: readonly Fate[] = ["loads", "refuses to load", "fails to run"];
    for (let way = 0; way < 3 ** 4; way++) {
      const table = Object.fromEntries(
        LEVELS.map((level, k) => [level, fates[Math.floor(way / 3 ** k) % 3]]),
      ) as Record<OptimizationLevel, Fate>;
      const wanted = highest(table);
      const fake = new Fake(table);
      if (LEVELS.every((level) => table[level] === "refuses to load")) {
        await expect(fake.session()).rejects.toThrow("all refuses");
        continue;
      }
      const session = await fake.session();
      if (wanted === undefined) await expect(session.run(FED)).rejects.toThrow(/fails|refuses/);
      else {
        await session.run(FED);
        expect(await session.usedLevel()).toMatchObject({ level: wanted });
        expect((await session.usedLevel()).refusal === undefined, JSON.stringify(table)).toBe(wanted === "all");
      }
      await session.release();
      expect([fake.open, fake.most]).toEqual([0, 1]);
    }
  });

  it("says what the level above gave", async () => {
    const session = await new Fake({
      all: "refuses to load",
      extended: "fails to run",
      basic: "loads",
      disabled: "loads",
    }).session();
    await session.run(FED);
    expect(await session.usedLevel()).toEqual({ level: "basic", refusal: "extended fails" });
  });

  it("stays where it was for a feed that fails everywhere, and tries no more", async () => {
    const fake = new Fake({
      all: "fails to run",
      extended: "fails to run",
      basic: "fails to run",
      disabled: "fails to run",
    });
    const session = await fake.session();
    await expect(session.run(FED)).rejects.toThrow("all fails");
    const tried = fake.opened.length;
    await expect(session.run(FED)).rejects.toThrow("all fails");
    expect(fake.opened).toHaveLength(tried);
    expect(await session.usedLevel()).toEqual({ level: "all" });
  });

  it("runs once before it is timed, so that what is timed does not fail", async () => {
    const session = await new Fake({
      all: "fails to run",
      extended: "loads",
      basic: "loads",
      disabled: "loads",
    }).session();
    await (
      await session.bind(FED)
    )();
    expect(await session.usedLevel()).toMatchObject({ level: "extended" });
  });

  it("lets runs that come at once wait for the first", async () => {
    const session = await new Fake({
      all: "fails to run",
      extended: "loads",
      basic: "loads",
      disabled: "loads",
    }).session();
    expect(await Promise.all([session.run(FED), session.run(FED), session.run(FED)])).toEqual([FED, FED, FED]);
  });
});

it("keeps to a level that was asked for", async () => {
  const fake = new Fake({ all: "refuses to load", extended: "loads", basic: "loads", disabled: "loads" });
  await expect(fake.session({ optimization: "all" })).rejects.toThrow("all refuses");
  expect(fake.opened).toEqual(["all"]);
});

describe("in onnxruntime, a model that its optimizer breaks", () => {
  let runtime: RemoteRuntime | undefined;
  afterEach(async () => runtime?.close());

  it(
    "gives at the level that works what it gives at none, is timed there, and shows the graph",
    { timeout: 30_000 },
    async () => {
      runtime = await openRemote();
      const bytes = encodeModelBytes(brokenQdq(new Random(1)));
      const fed = qdqFeed(new Random(2));
      await expect(runtime.open(bytes, { optimization: "all" })).rejects.toMatchObject({ code: "MODEL_REJECTED" });
      const session = await runtime.open(bytes);
      const plain = await runtime.open(bytes, { optimization: "disabled" });
      const [found, wanted] = [await session.run(fed), await plain.run(fed)];
      expect(
        Math.max(
          ...Array.from(found.y!.data as Float32Array, (value, k) => Math.abs(value - Number(wanted.y!.data[k]))),
        ),
      ).toBeLessThan(1e-4);
      expect(await session.usedLevel()).toMatchObject({
        level: "basic",
        refusal: expect.stringContaining("cannot load") as string,
      });
      const times = await runtime.timeInterleaved([bytes], [fed], { warmup: 0, runs: 3, threads: 1 });
      expect(times[0]!.samplesMs).toHaveLength(3);
      expect((await runtime.optimizedGraph(bytes)).byteLength).toBeGreaterThan(100);
    },
  );
});
