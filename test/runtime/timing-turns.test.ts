import { expect, it } from "vitest";
import { abortable } from "../../src/abort.js";
import { inTurn } from "../../src/runtime/timing-turns.js";

/** A section that ends when it is told to, and what happens to it in `log`. */
function section(log: string[], name: string) {
  let end = (): void => undefined;
  let fail: (error: Error) => void = () => undefined;
  const job = (): Promise<string> => {
    log.push(`${name} begins`);
    return new Promise<string>((resolve, reject) => {
      end = () => resolve(name);
      fail = reject;
    }).finally(() => log.push(`${name} ends`));
  };
  return { job, end: () => end(), fail: (error: Error) => fail(error) };
}

/** Lets everything that is ready go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("takes sections one at a time in the order in which they were asked for, also behind one that fails", async () => {
  const log: string[] = [];
  const [a, b, c] = [section(log, "a"), section(log, "b"), section(log, "c")];
  const results = [a, b, c].map(({ job }) => inTurn(job));
  const failed = expect(results[0]).rejects.toThrow("no");
  await settled();
  expect(log).toEqual(["a begins"]);
  a.fail(new Error("no"));
  await failed;
  await settled();
  expect(log).toEqual(["a begins", "a ends", "b begins"]);
  b.end();
  await settled();
  c.end();
  expect(await Promise.all(results.slice(1))).toEqual(["b", "c"]);
  expect(log.slice(2)).toEqual(["b begins", "b ends", "c begins", "c ends"]);
});

it("lets a run go that is aborted while it waits, and nobody before their turn for it", async () => {
  const log: string[] = [];
  const [a, b, c] = [section(log, "a"), section(log, "b"), section(log, "c")];
  const first = inTurn(a.job);
  const stop = new AbortController();
  const waiting = abortable(stop.signal, () => inTurn(b.job));
  const third = inTurn(c.job);
  const aborted = expect(waiting).rejects.toThrow("enough");
  stop.abort(new Error("enough"));
  await aborted;
  await settled();
  expect(log).toEqual(["a begins"]);
  a.end();
  await first;
  await settled();
  c.end();
  await third;
  expect(log).toEqual(["a begins", "a ends", "c begins", "c ends"]);
});
