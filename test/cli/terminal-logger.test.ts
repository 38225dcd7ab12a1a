import { beforeEach, describe, expect, it } from "vitest";
import { TerminalLogger, type LoggerClock } from "../../src/cli/terminal-logger.js";
import { progressLine } from "../../src/cli/progress-text.js";

/** Time that is moved by hand; what is due at intervals is called on the way. */
class HandClock implements LoggerClock {
  time = 0;
  private readonly timers = new Map<object, { ms: number; due: number; tick: () => void }>();

  get running(): number {
    return this.timers.size;
  }

  now(): number {
    return this.time;
  }

  every(ms: number, tick: () => void): () => void {
    const key = {};
    this.timers.set(key, { ms, due: this.time + ms, tick });
    return () => void this.timers.delete(key);
  }

  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = [...this.timers.values()].sort((a, b) => a.due - b.due)[0];
      if (!next || next.due > end) break;
      this.time = next.due;
      next.due += next.ms;
      next.tick();
    }
    this.time = end;
  }
}

let clock: HandClock;
let written: string[];
beforeEach(() => {
  clock = new HandClock();
  written = [];
});

function logger({ isTTY = false, quiet = false, columns = 80 } = {}): TerminalLogger {
  const write = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
  return new TerminalLogger({ write, isTTY, columns }, { quiet, debug: false }, clock);
}

/** Counted work: a unit each second. */
function work(to: TerminalLogger, step: string, units: number, total = units): void {
  for (let done = 0; done < units; done++) {
    to.progress({ step, done, total });
    clock.pass(1000);
  }
}

/** What the line on the terminal holds at last. */
function line(): string {
  return (written.at(-1) ?? "").replace("\r\x1b[K", "");
}

describe("off a terminal", () => {
  it("writes nothing in a run of less than half a minute", () => {
    const to = logger();
    work(to, "calibrate", 20);
    work(to, "prune-magnitude: fit", 9);
    to.clear();
    clock.pass(100_000);
    expect(written).toEqual([]);
  });

  it("writes a line each half minute, with the step, its count and how long it has been", () => {
    const to = logger();
    to.progress({ step: "read the model", done: 0 });
    clock.pass(31_500);
    work(to, "calibrate", 60, 100);
    to.progress({ step: "cluster-weights", done: 2 });
    clock.pass(30_000);
    expect(written).toEqual([
      "30 s: read the model\n",
      "1 min: calibrate, 28 of 100, about 1 min 15 s left\n",
      "1 min 30 s: calibrate, 58 of 100, about 45 s left\n",
      "2 min: cluster-weights, 2\n",
    ]);
  });

  it("writes a line when timers were held up as well, and only one", () => {
    const to = logger();
    to.progress({ step: "write", done: 0 });
    clock.time = 95_000;
    to.progress({ step: "read it back", done: 0 });
    expect(written).toEqual(["1 min 35 s: read it back\n"]);
  });

  it("makes control characters of names visible", () => {
    const to = logger();
    to.progress({ step: "load \x1b[2J", done: 0 });
    clock.pass(30_000);
    expect(written.join("")).not.toContain("\x1b");
  });
});

describe("on a terminal", () => {
  it("is never silent for more than two seconds, whatever a step tells", () => {
    const to = logger({ isTTY: true });
    to.progress({ step: "load both models", done: 0 });
    for (let k = 0; k < 30; k++) {
      const before = written.length;
      clock.pass(2000);
      expect(written.length).toBeGreaterThan(before);
    }
    expect(line()).toBe("load both models …  1 min");
  });

  it("shows no time of a step that has only begun", () => {
    const to = logger({ isTTY: true });
    to.progress({ step: "write", done: 0 });
    clock.pass(4000);
    expect(line()).toBe("write …");
    clock.pass(8000);
    to.progress({ step: "read it back", done: 0 });
    expect(line()).toBe("read it back …");
  });

  it("shows the time left once it is steady", () => {
    const to = logger({ isTTY: true });
    work(to, "calibrate", 3, 40);
    expect(line()).toMatch(/^calibrate {2}━+─+ {2}2\/40$/);
    for (let done = 3; done < 20; done++) {
      to.progress({ step: "calibrate", done, total: 40 });
      clock.pass(1000);
    }
    expect(line()).toMatch(/^calibrate {2}━+─+ {2}19\/40 {2}about 20 s left$/);
  });

  it("draws often reported steps a few times a second", () => {
    const to = logger({ isTTY: true });
    for (let done = 0; done < 1000; done++) {
      to.progress({ step: "calibrate", done, total: 2000 });
      clock.pass(1);
    }
    expect(written.length).toBeLessThan(15);
    to.progress({ step: "calibrate", done: 2000, total: 2000 });
    expect(line()).toContain("2000/2000");
  });

  it("cuts a line that would wrap", () => {
    const to = logger({ isTTY: true, columns: 30 });
    to.progress({ step: "prune-magnitude: threshold, reading 1 of 2", done: 3, total: 9 });
    expect(line()).toHaveLength(29);
  });

  it("cuts nothing where the terminal does not know its width", () => {
    const to = logger({ isTTY: true, columns: 0 });
    to.progress({ step: "calibrate", done: 12, total: 40 });
    expect(line()).toMatch(/ {2}12\/40$/);
  });

  it("keeps other output on lines of its own, and draws the step again below it", () => {
    const to = logger({ isTTY: true });
    to.progress({ step: "calibrate", done: 0 });
    to.diagnostic({ id: "a/b", severity: "warning", message: "look here" });
    expect(written.slice(-2)).toEqual(["\r\x1b[K", "warning: look here\n"]);
    clock.pass(1000);
    expect(line()).toBe("calibrate …");
  });

  it("draws nothing after the end, until there is a step again", () => {
    const to = logger({ isTTY: true });
    to.progress({ step: "finish", done: 0 });
    to.clear();
    const before = written.length;
    clock.pass(60_000);
    to.clear();
    expect(written).toHaveLength(before);
    expect(clock.running).toBe(0);
    to.progress({ step: "finish", done: 0 });
    expect(line()).toBe("finish …");
  });
});

it.each([true, false])("writes nothing with quiet, on a terminal: %s", (isTTY) => {
  const to = logger({ isTTY, quiet: true });
  work(to, "calibrate", 100);
  to.diagnostic({ id: "a/b", severity: "warning", message: "w" });
  to.clear();
  expect(written).toEqual([]);
  expect(clock.running).toBe(0);
});

it.each([
  [100, "about 5 s left"],
  [12_000, "about 15 s left"],
  [61_000, "about 1 min 5 s left"],
  [190_000, "about 4 min left"],
  [3_650_000, "about 1 h 1 min left"],
  [7_200_000, "about 2 h left"],
])("%d ms are %s", (ms, text) => {
  expect(progressLine({ step: "calibrate", done: 1 }, 1000, ms)).toBe(`1 s: calibrate, 1, ${text}`);
});
