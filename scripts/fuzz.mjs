/**
 * Looks for faults for longer than the tests do. Prints what was tried, and for each fault how to make it
 * again.
 *
 * npm run fuzz -- --seconds 60 --seed 1     random graphs through random passes, compared in onnxruntime
 * npm run fuzz -- --cases 1 --seed 4711     one case again
 * npm run fuzz -- --reader 100000           mutated files through the reader and the validator
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    cases: { type: "string" },
    reader: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const bin = (path) => join("node_modules", ...path.split("/"));
const settings =
  values.reader === undefined
    ? {
        EDGEC_FUZZ_SEED: values.seed,
        ...(values.cases === undefined
          ? { EDGEC_FUZZ_SECONDS: values.seconds ?? "60" }
          : { EDGEC_FUZZ_CASES: values.cases }),
      }
    : { EDGEC_FUZZ: values.reader, EDGEC_FUZZ_SEED: values.seed };
const file = values.reader === undefined ? "test/fuzz/differential.test.ts" : "test/onnx/fuzz.test.ts";
const run = spawnSync(process.execPath, [bin("vitest/vitest.mjs"), "run", file], {
  stdio: "inherit",
  env: { ...process.env, ...settings },
});
process.exitCode = run.status ?? 1;
