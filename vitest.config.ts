import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // What takes minutes belongs to `npm run check:full`.
    include: process.env.EDGEC_FULL ? ["test/**/*.test.ts", "test/**/*.long.ts"] : ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The machines that run this have few cores, and onnxruntime brings threads of its own.
    maxWorkers: 2,
    globalSetup: ["test/build-once.ts"],
  },
});
