import { spawn } from "node:child_process";
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { BIN, fixture } from "./run-edgec.js";

/** Waits until `condition` holds. */
async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error("it did not come to that");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it.skipIf(process.platform === "win32")("Ctrl-C removes what was begun, ends child processes and exits 130", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgec-interrupt-"));
  const args = ["compress", fixture("models/resnet.onnx"), "--int8", "--calib", fixture("digits/digits-rgb32-calib.npz"), "-o", join(folder, "out.onnx"), "--debug"];
  const child = spawn(process.execPath, [BIN, ...args]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  // Calibration has started its child process by the time the pass runs.
  await until(() => stderr.includes("running quantize-int8"));
  expect(await readdir(folder)).toHaveLength(1);
  const { execFileSync } = await import("node:child_process");
  const children = (): number[] => {
    try {
      return execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" }).trim().split(/\s+/).filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  await until(() => children().length > 0);
  const started = children();
  child.kill("SIGINT");
  expect(await closed).toBe(130);
  expect(await readdir(folder)).toEqual([]);
  expect(stderr).toContain("interrupted: nothing was written");
  await until(() => !started.some(isAlive));
});
