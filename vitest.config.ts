import { configDefaults, defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";

// What takes minutes belongs to `npm run check:full`.
const ALL = process.env.EDGEC_FULL ? ["test/**/*.test.ts", "test/**/*.long.ts"] : ["test/**/*.test.ts"];

/**
 * Folders whose files share a process, which loads edgec and onnxruntime once for all of them. Such a file may not
 * leave anything behind: no environment variable, no listener, no mock.
 */
const SHARING = [
  "calibration",
  "data",
  "docs",
  "golden",
  "inspect",
  "ir",
  "layers",
  "numeric",
  "ops",
  "output",
  "passes",
  "patterns",
  "plan",
  "report",
  "run",
  "search",
  "solver",
  "targets",
  "verify",
].map((folder) => `test/${folder}/**/*.test.ts`);
// Those but for the ones that count the listeners of their process.
SHARING.push("test/!(at-exit).test.ts", "test/onnx/!(temporary-folder).test.ts");
// Those that set no variable of the environment and mock no module.
SHARING.push("test/compress/!(abort|packed-sizes|side-by-side|progress|limits).test.ts");

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The machines that run this have few cores, and onnxruntime brings threads of its own.
    maxWorkers: 2,
    globalSetup: ["test/support/build-once.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: { name: "own process", include: ALL, exclude: [...configDefaults.exclude, ...SHARING] },
      },
      { extends: true, test: { name: "shared process", isolate: false, include: SHARING } },
    ],
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
      thresholds: { lines: 94 },
    },
  },
});
