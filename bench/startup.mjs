/** What `edgec --help` takes against an empty Node program, in turns. */
import { spawnSync } from "node:child_process";
import { printTable, times } from "./table.mjs";

const RUNS = 21;

export default async function startup() {
  const taken = { help: [], empty: [] };
  const time = (args) => {
    const start = performance.now();
    spawnSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - start;
  };
  for (let run = 0; run < RUNS; run++) {
    taken.empty.push(time(["-e", "0"]));
    taken.help.push(time(["bin/edgec.js", "--help"]));
  }
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const [help, empty] = [median(taken.help), median(taken.empty)];
  printTable(
    "start-up",
    ["edgec --help", "node -e 0", "ratio", "asked"],
    [[`${help.toFixed(0)} ms`, `${empty.toFixed(0)} ms`, times(help / empty), "<= 4x"]],
  );
}
