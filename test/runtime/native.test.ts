import { expect, it } from "vitest";
import { abortable } from "../../src/abort.js";
import { nativeRuntime } from "../../src/runtime/index.js";

it("the end of the run that looked for the runtime first is not that of another", async () => {
  const controller = new AbortController();
  const first = abortable(controller.signal, nativeRuntime);
  const second = nativeRuntime();
  controller.abort(new Error("enough"));
  await expect(first).rejects.toThrow("enough");
  expect(await second).toMatchObject({ isThere: expect.any(Boolean) as boolean });
});
