/** Static and dynamic int8 on the digit models, against onnxruntime's quantizer: size, fidelity, speed. */
import { rmSync } from "node:fs";
import { compress, verify } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { hasPeer, peerQuantize } from "./peers.mjs";
import { decibels, printTable, times } from "./table.mjs";

const ASKED = {
  resnet: "3.70x, 39.5 dB, 2.70x",
  mbv2: "3.20x, 37.0 dB, 1.40x",
  vit: "3.50x, 40.0 dB, 1.50x",
  rnn: "3.00x, 45.0 dB, 1.40x",
  lenet: "3.40x, 39.0 dB, not slower",
};

export default async function int8() {
  const rows = [];
  for (const [name, asked] of Object.entries(ASKED)) {
    const f = fixture(name);
    const output = f.out("int8");
    const { report } = await compress(f.model, {
      int8: true,
      calib: f.calib,
      eval: f.eval,
      output,
      force: true,
    });
    rows.push([name, "edgec --int8", ...figures(report), accuracy(report), asked]);
    if (!hasPeer()) continue;
    for (const mode of ["static", "dynamic"]) {
      const peer = f.out(mode);
      const failure = peerQuantize(mode, f.model, f.calib, peer);
      if (failure !== undefined) {
        rows.push([name, `onnxruntime ${mode}`, "failed", "", "", "", failure]);
        continue;
      }
      const measured = await verify(f.model, peer, { eval: f.eval });
      rows.push([name, `onnxruntime ${mode}`, ...figures(measured), accuracy(measured), ""]);
      rmSync(peer);
    }
  }
  printTable(
    "int8, one thread (asked: on a CPU with VNNI)",
    ["model", "tool", "size", "SQNR", "speed", "top-1 drop", "asked"],
    rows,
  );
}

function figures({ size, fidelity, latency }) {
  return [
    times(size.ratio),
    decibels(Object.values(fidelity?.outputs ?? {})[0]?.sqnrDb),
    times(latency?.speedup),
  ];
}

function accuracy({ accuracy }) {
  return accuracy ? `${accuracy.drop.toFixed(1)} points` : "-";
}
