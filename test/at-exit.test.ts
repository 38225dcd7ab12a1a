import { expect, it, vi } from "vitest";
import { atExit } from "../src/at-exit.js";

it("listens once for any number of jobs, and does those that were not taken back", () => {
  const before = process.listeners("exit");
  const jobs = Array.from({ length: 20 }, () => vi.fn());
  const takeBack = jobs.map((job) => atExit(job));
  const [listener, ...others] = process.listeners("exit").filter((each) => !before.includes(each));
  expect(others).toEqual([]);
  takeBack[3]!();
  jobs[0]!.mockImplementation(() => {
    throw new Error("no");
  });
  expect(() => listener!(0)).toThrow("no");
  expect(jobs.map((job) => job.mock.calls.length)).toEqual(jobs.map((_, k) => (k === 3 ? 0 : 1)));
  takeBack.forEach((each) => each());
  expect(process.listeners("exit")).toEqual(before);
});
