/**
 * What int8 costs in accuracy on processors that saturate sums of products in 16 bits, by the range of the
 * weights.
 */
import { rmSync } from "node:fs";
import { compress, verify } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { decibels, printTable } from "./table.mjs";

export default async function emulate() {
  const rows = [];
  for (const name of ["resnet", "mbv2"]) {
    const f = fixture(name);
    const exact = new Map();
    for (const target of ["x64-vnni", "generic"]) {
      const output = f.out(target);
      await compress(f.model, { int8: true, calib: f.calib, target, output, force: true, verify: false });
      // The x64-vnni file is right only where this machine has VNNI (or dot products); the emulation is the
      // same everywhere.
      const plain = await verify(f.model, output, { eval: f.eval });
      const emulated = await verify(f.model, output, { eval: f.eval, emulate: "x64-avx2" });
      exact.set(target, plain.accuracy.compressed);
      for (const [how, report] of [
        ["this machine", plain],
        ["emulated x64-avx2", emulated],
      ]) {
        const { compressed, original } = report.accuracy;
        const risk = report.emulation ? `${report.emulation.pairsAtRisk} of ${report.emulation.pairs}` : "";
        rows.push([
          name,
          `--target ${target}`,
          how,
          original.toFixed(1),
          compressed.toFixed(1),
          decibels(Object.values(report.fidelity.outputs)[0].sqnrDb),
          risk,
        ]);
      }
      rmSync(output);
    }
    rows.push([
      name,
      "generic below x64-vnni",
      "this machine",
      "",
      `${(exact.get("x64-vnni") - exact.get("generic")).toFixed(1)} points`,
      "",
      "asked: 0.3 at most",
    ]);
  }
  printTable(
    "int8 without VNNI: top-1 of 1,000 digits",
    ["model", "int8", "run on", "float", "int8 top-1", "SQNR", "pairs at risk"],
    rows,
  );
}
