import { existsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { TemporaryFolder } from "../../src/onnx/temporary-folder.js";

it("exists until it is removed, and then leaves no exit listener", async () => {
  const listeners = process.listenerCount("exit");
  const folder = await TemporaryFolder.create("test");
  const file = folder.file("a.onnx");
  writeFileSync(file, "1");
  expect(process.listenerCount("exit")).toBe(listeners + 1);
  await folder.remove();
  expect([existsSync(dirname(file)), process.listenerCount("exit")]).toEqual([false, listeners]);
});
