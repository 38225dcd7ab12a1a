import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { decodeModel } from "../../src/onnx/index.js";
import { model } from "../support/wire-bytes.js";

it("loads protobufjs when the first model is read, not before", () => {
  const { cache } = createRequire(import.meta.url);
  const isLoaded = (): boolean => Object.keys(cache).some((path) => path.includes("/protobufjs/"));
  expect(isLoaded()).toBe(false);
  decodeModel(model());
  expect(isLoaded()).toBe(true);
});
