/**
 * Gives the files in `new/` their names, and is killed at the change of the file system that has the number
 * given.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

const [folder, killAt] = process.argv.slice(2);
let changes = 0;
for (const name of ["renameSync", "rmSync"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (changes++ === Number(killAt)) process.kill(process.pid, "SIGKILL");
    return real(...args);
  };
}
syncBuiltinESMExports();
const { takeNames, TemporaryFolder } = await import("../../build/onnx/index.js");
const aside = await TemporaryFolder.create("test", folder);
const moves = ["data", "model"].map((name) => ({ from: aside.file(name), to: join(folder, name) }));
for (const { from } of moves) fs.writeFileSync(from, "new");
takeNames(moves);
await aside.remove();
