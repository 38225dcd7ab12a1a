/** Random command lines over a folder of a user's files: whatever is asked for, what was not to be replaced is as it was. */
import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { expect, it } from "vitest";
import { Random } from "../fuzz/random.js";
import { run } from "./in-process.js";
import { contents, makeUserFiles, type UserFiles } from "./user-files.js";

const CASES = 80;

/** One file by one of its names: as it is, by a way around, by a link of either kind, or through a folder that is a link. */
function alias(random: Random, links: string, target: string, k: number, ways = 5): string {
  const name = random.pick([basename(target), `link${k}.onnx`, `link${k}.json`, `link${k}.onnx.data`, `link${k}`]);
  const way = random.below(ways);
  if (way === 0) return target;
  if (way === 1) return relative(process.cwd(), target);
  const home = join(links, String(k));
  mkdirSync(home, { recursive: true });
  if (way === 2) symlinkSync(dirname(target), join(home, "way"));
  if (way === 3) symlinkSync(target, join(home, name));
  if (way === 4) linkSync(target, join(home, name));
  return way === 2 ? join(home, "way", basename(target)) : join(home, name);
}

interface Case {
  readonly args: readonly string[];
  readonly force: boolean;
  readonly output: string;
  readonly reports: readonly string[];
  readonly read: readonly string[];
}

function randomCase(random: Random, files: UserFiles, links: string): Case {
  const { folder, model, weights, calib, eval: evaluation, labels, metric, target, sets, member, bystanders } = files;
  const all = [model, weights, calib, evaluation, labels, metric, target, member, ...bystanders];
  let k = 0;
  const place = (fresh: string): string =>
    random.chance(0.4) ? join(folder, fresh) : alias(random, links, random.pick(all), k++);
  const strip = (path: string): string => (path.endsWith(".data") ? path.slice(0, -".data".length) : path);
  const output = strip(place("new.onnx"));
  const reports = Array.from({ length: random.below(3) }, (_, n) => place(`new${n}.${random.pick(["json", "md"])}`));
  const force = random.chance(0.5);
  const read = (path: string): string => (random.chance(0.5) ? path : alias(random, links, path, k++));
  const data = random.pick([[], [calib], [member]]);
  const judged = random.pick([[], [evaluation], [evaluation, labels], [evaluation, labels, metric]]);
  const device = random.pick([[], [target]]);
  const args = [
    // A link to the file itself would look for its weights beside the link.
    "compress",
    alias(random, links, model, k++, 3),
    "-o",
    output,
    "--no-verify",
    ...reports.flatMap((path) => ["--report", path]),
    ...(force ? ["--force"] : []),
    ...random.pick([[], ["--external-data"], ["--no-external-data"]]),
    ...data.flatMap((path) => ["--calib", path === member ? sets : read(path)]),
    ...judged.flatMap((path) => [JUDGING.get(basename(path)) ?? "", path === labels ? path : read(path)]),
    ...device.flatMap((path) => ["--target", path]),
  ];
  return { args, force, output, reports, read: [model, weights, ...data, ...judged, ...device] };
}

const JUDGING: ReadonlyMap<string, string> = new Map([
  ["eval.npz", "--eval"],
  ["labels.npy", "--labels"],
  ["metric.mjs", "--metric"],
]);

const inode = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

/** The user's files that the command line says may be replaced: with --force, what it names and does not read, and the model itself. */
function given(files: UserFiles, { args, force, output, reports, read }: Case): Set<string> {
  if (!force) return new Set();
  const isInPlace = inode(output) === inode(files.model);
  const named = [output, ...(args.includes("--no-external-data") ? [] : [`${output}.data`]), ...reports].map(inode);
  const { bystanders, calib, eval: evaluation, labels, metric, target, member } = files;
  const unread = [...bystanders, calib, evaluation, labels, metric, target, member].filter(
    (path) => !read.includes(path),
  );
  const free = [
    ...unread,
    ...(isInPlace ? [files.model, ...(inode(`${output}.data`) === inode(files.weights) ? [files.weights] : [])] : []),
  ];
  return new Set(free.filter((path) => named.includes(inode(path))).map((path) => relative(files.folder, path)));
}

it(`loses nothing in ${CASES} random command lines`, async () => {
  let [refused, done] = [0, 0];
  for (let seed = 1; seed <= CASES; seed++) {
    const random = new Random(seed);
    const home = mkdtempSync(join(tmpdir(), "edgec-paths-"));
    const [folder, links] = [join(home, "user"), join(home, "links")];
    mkdirSync(folder);
    try {
      const files = makeUserFiles(folder, random.pick(["weights.bin", "m.onnx.data", "new.onnx.data", "new.onnx"]));
      const one = randomCase(random, files, links);
      const free = given(files, one);
      const before = Object.entries(contents(folder));
      const { error } = await run(one.args);
      if (error) refused++;
      else done++;
      const after = contents(folder);
      const lost = before.filter(([name, text]) => !free.has(name) && after[name] !== text).map(([name]) => name);
      expect([seed, one.args, lost]).toEqual([seed, one.args, []]);
      if (error) expect([seed, one.args, error]).toMatchObject([seed, one.args, { exitCode: 2 }]);
      // A run that is refused leaves nothing behind.
      if (error) expect(Object.keys(after)).toEqual(before.map(([name]) => name));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
  expect(refused).toBeGreaterThan(CASES / 5);
  expect(done).toBeGreaterThan(CASES / 5);
});
