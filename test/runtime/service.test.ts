import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { BadDataError } from "../../src/errors.js";
import { builtModule } from "../../src/built-module.js";
import { EndedFromOutside } from "../../src/runtime/crash.js";
import { startService, type ServiceClient } from "../../src/runtime/service.js";

type Faulty = typeof import("./faulty-service.mjs");
const MODULE = new URL("./faulty-service.mjs", import.meta.url);

let service: ServiceClient<Faulty>;
const start = async (): Promise<ServiceClient<Faulty>> =>
  (service = await startService<Faulty>(MODULE, { label: "the worker" }));
afterEach(() => service?.close());

test("calls pass arguments and return results, several at a time", async () => {
  await start();
  const results = await Promise.all([
    service.call("double", [Float32Array.of(1, 2)]),
    service.call("double", [Float32Array.of(3)]),
  ]);
  expect(results).toEqual([Float32Array.of(2, 4), Float32Array.of(6)]);
});

test("an EdgecError keeps its class, code and message", async () => {
  await start();
  const error = await service.call("throwsEdgecError", []).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BadDataError);
  expect(error).toMatchObject({ code: "BAD_DATA", message: "sample 3: it is empty" });
});

test("any other error arrives unchanged, with the child's stack", async () => {
  await start();
  const error = (await service.call("throws", []).catch((e: unknown) => e)) as Error;
  expect(error.message).toBe("a bug");
  expect(error.stack).toContain("faulty-service.mjs");
});

test("a killed child is RUNTIME_CRASHED and the message says what was running", async () => {
  await start();
  await expect(service.call("killsItself", [], "running small.onnx")).rejects.toMatchObject({
    code: "RUNTIME_CRASHED",
    message:
      "the worker was killed (SIGKILL, most likely out of memory) while running small.onnx. " +
      "Free some memory, or use smaller inputs and fewer threads.",
  });
  expect(service.pid).toBeUndefined();
  await expect(service.call("double", [Float32Array.of(1)])).rejects.toMatchObject({
    code: "RUNTIME_CRASHED",
  });
});

test.each(["SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT"])(
  "%s comes from outside, and says nothing of the model",
  async (signal) => {
    await start();
    const error: unknown = await service
      .call("isKilledBy", [signal], "running small.onnx")
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EndedFromOutside);
  },
);

test.each(["SIGSEGV", "SIGABRT"])("%s is a crash", async (signal) => {
  await start();
  const error: unknown = await service
    .call("isKilledBy", [signal], "running small.onnx")
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "RUNTIME_CRASHED" });
  expect(error).not.toBeInstanceOf(EndedFromOutside);
});

test("onnxruntime's telemetry is off unless the environment sets it", async () => {
  const { ORT_DISABLE_TELEMETRY: before } = process.env;
  onTestFinished(() => {
    if (before === undefined) delete process.env.ORT_DISABLE_TELEMETRY;
    else process.env.ORT_DISABLE_TELEMETRY = before;
  });
  for (const [given, expected] of [
    [undefined, "1"],
    ["0", "0"],
    ["1", "1"],
  ] as const) {
    if (given === undefined) delete process.env.ORT_DISABLE_TELEMETRY;
    else process.env.ORT_DISABLE_TELEMETRY = given;
    await start();
    expect(await service.call("environment", ["ORT_DISABLE_TELEMETRY"])).toBe(expected);
    await service.close();
  }
});

test("an exit is RUNTIME_CRASHED with its code", async () => {
  await start();
  await expect(service.call("exits", [])).rejects.toThrow(
    /^the worker ended with exit code 7 while in "exits"/,
  );
});

test("close ends a child that is busy and rejects its call", async () => {
  await start();
  const { pid } = service;
  const blocked = service.call("blocks", []);
  await Promise.all([
    expect(blocked).rejects.toThrow('the worker was closed while in "blocks"'),
    service.close(),
  ]);
  expect(isAlive(pid)).toBe(false);
});

test("a module that cannot be imported fails the start", async () => {
  await expect(
    startService(new URL("./missing.mjs", import.meta.url), { label: "the worker" }),
  ).rejects.toThrow(/Cannot find module/);
});

test("a blocked child does not outlive a killed parent", async () => {
  const script = `
    const { startService } = await import(${JSON.stringify(pathToFileURL(resolve("build/runtime/service.js")).href)});
    const service = await startService(new URL(${JSON.stringify(MODULE.href)}), { label: "x" });
    service.call("blocks", []);
    console.log(service.pid);
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = Number(
    await new Promise<string>((done) =>
      parent.stdout.once("data", (chunk: Buffer) => done(chunk.toString())),
    ),
  );
  expect(isAlive(pid)).toBe(true);
  parent.kill("SIGKILL");
  while (isAlive(pid)) await new Promise((done) => setTimeout(done, 50));
});

test("a child without unfinished calls does not keep its parent alive", async () => {
  const script = `
    const { startService } = await import(${JSON.stringify(pathToFileURL(resolve("build/runtime/service.js")).href)});
    const service = await startService(new URL(${JSON.stringify(MODULE.href)}), { label: "x" });
    await service.call("double", [Float32Array.of(1)]);
    console.log("done");
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  parent.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  expect(await new Promise((done) => parent.once("close", done))).toBe(0);
  expect(output).toBe("done\n");
});

test("the built file replaces a source file", () => {
  expect(builtModule(new URL("../../src/runtime/child.js", import.meta.url)).href).toMatch(
    /\/dist\/runtime\/child\.js$/,
  );
  expect(builtModule(new URL("../../dist/runtime/child.js", import.meta.url)).href).toMatch(
    /\/dist\/runtime\/child\.js$/,
  );
});

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
