import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // What takes minutes belongs to `npm run check:full`.
    include: process.env.EDGEC_FULL ? ["test/**/*.test.ts", "test/**/*.long.ts"] : ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The machines that run this have few cores, and onnxruntime brings threads of its own.
    maxWorkers: 2,
    globalSetup: ["test/support/build-once.ts"],
    // `npm run check:full` turns it on. Only what tests run in their own process is counted: a command that
    // a test starts is a process that runs dist/. So the figure is below the truth, never above it. Files
    // that no test imports count as not run; the entries of processes and threads alone are left out, as
    // they can be run in no other way.
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: [
        "src/cli/main.ts",
        "src/cli/work.ts",
        "src/cli/supervisor.ts",
        "src/runtime/child.ts",
        "src/threads/thread.ts",
        "src/threads/entry.ts",
      ],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 85 },
    },
  },
});
