/** Small models that ask for endless work or memory end soon, refused or done, and take little. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { descendantsOf } from "../cli/processes.js";
import { BIN } from "../cli/run-edgec.js";
import { amplifiers, type Amplifier } from "../fuzz/amplifying-models.js";

/** Far above what any takes: only a run without an end comes to it. Milliseconds. */
const FOR_EVER = 120_000;
/** What all processes may hold at once: 240 MB of their own, the limit of loading below, and its growth until it is seen. */
const MOST_BYTES = 1.2e9;
const LIMITS = ["--load-limit", "1s,300MB", "--fold-limit", "1s,200MB"];
const folder = mkdtempSync(join(tmpdir(), "edgec-amplification-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMMANDS: readonly (readonly string[])[] = [["inspect"], ["optimize", "--no-verify"], ["optimize"], ["compress"]];
/** A run of each with each takes minutes; a share of them, another for each model, meets all commands many times. */
const models = [...amplifiers(40), ...smaller()]
  .map((each, k) => ({ ...each, command: COMMANDS[(k + Math.floor(k / 3)) % COMMANDS.length] ?? [] }));

/** 2³² floats may be had, where 2⁴⁰ are refused at once; what takes no size is the same. */
function smaller(): Amplifier[] {
  const sized = amplifiers(32).filter(({ name }) => /^(constantOfShape|range|expand|tile|computedSize) /.test(name));
  return sized.map(({ name, model }) => ({ name: `${name}, less`, model }));
}

describe("a small model that asks for much", () => {
  it.each(models)("$name: $command ends with little memory", async ({ model, command }) => {
    const bytes = encodeModelBytes(model);
    expect(bytes.byteLength).toBeLessThanOrEqual(2048);
    const path = join(folder, "model.onnx");
    writeFileSync(path, bytes);
    const written = command[0] === "inspect" ? [] : ["-o", join(folder, "out.onnx"), "--force"];
    const { code, output, peak } = await watched([...command, path, ...written, ...LIMITS]);
    expect([0, 2, 3], output).toContain(code);
    expect(output).not.toMatch(/please report|at file:/);
    expect(peak).toBeLessThan(MOST_BYTES);
  }, FOR_EVER);
});

interface Watched { readonly code: number | null; readonly output: string; readonly peak: number }

function watched(args: readonly string[]): Promise<Watched> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args]);
    let output = "";
    let peak = 0;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const timer = setInterval(() => {
      const pid = child.pid ?? 0;
      peak = Math.max(peak, [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + residentBytes(each), 0));
      // Before the machine suffers from what the test is to find.
      if (peak > 4 * MOST_BYTES) child.kill("SIGTERM");
    }, 50);
    child.on("error", reject).on("close", (code) => {
      clearInterval(timer);
      resolve({ code, output, peak });
    });
  });
}

function residentBytes(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
