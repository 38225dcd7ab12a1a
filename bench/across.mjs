/**
 * Whether answers depend on the runtime and on its graph optimization level: float and int8 in both
 * runtimes.
 */
import { rmSync } from "node:fs";
import { compress, verify } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { decibels, printTable } from "./table.mjs";

const SAMPLES = 200;

export default async function across() {
  const columns = [];
  const rows = [];
  for (const name of ["lenet", "resnet", "mbv2", "vit", "rnn"]) {
    const f = fixture(name);
    const output = f.out("across");
    await compress(f.model, {
      int8: true,
      calib: f.calib,
      output,
      force: true,
      verify: false,
      packedSizes: false,
    });
    for (const [form, model] of [
      ["float", f.model],
      ["int8", output],
    ]) {
      const { combinations } = (await verify(f.model, model, { eval: f.eval, across: { samples: SAMPLES } }))
        .across;
      const others = combinations.slice(1);
      if (columns.length === 0)
        columns.push(
          "model",
          "form",
          ...others.map(({ runtime, level }) => `${runtime.replace("onnxruntime-", "")} ${level}`),
        );
      rows.push([name, form, ...others.map(cell)]);
    }
    rmSync(output);
  }
  printTable(
    `against onnxruntime-node at level all: SQNR, flipped decisions of ${SAMPLES} digits`,
    columns,
    rows,
  );
}

function cell({ status, message, sqnrDb, flipped }) {
  return status === "compared"
    ? `${decibels(sqnrDb)}, ${Math.round(flipped * SAMPLES)}`
    : `${status}: ${message}`;
}
