/** Child processes of the runtime are plain JavaScript, so the tests need the built package. */
import { execFileSync } from "node:child_process";

export default function buildOnce(): void {
  if (process.env.EDGEC_SKIP_BUILD) return;
  for (const args of [["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], ["scripts/bundle.mjs"]])
    execFileSync(process.execPath, args, { stdio: "inherit" });
}
