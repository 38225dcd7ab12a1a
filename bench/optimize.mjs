/**
 * Nodes after the exact passes, beside onnxslim, onnxsim and onnxruntime's basic level, and the time on a
 * transformer of 100 MB whose reshapes are computed from shapes, beside onnxslim in turns. Constant nodes
 * are not counted.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { optimize } from "../build/index.js";
import { fixture, OCR, OUT } from "./fixtures.mjs";
import { PYTHON } from "./peers.mjs";
import { printTable, times } from "./table.mjs";

const script = fileURLToPath(new URL("./optimizers.py", import.meta.url));
const ROUNDS = 3;

export default async function bench() {
  const models = [
    ["PP-OCRv4 det", OCR("ch_PP-OCRv4_det_infer")],
    ["PP-OCRv4 rec", OCR("ch_PP-OCRv4_rec_infer")],
    ["PP-OCRv4 cls", OCR("ch_ppocr_mobile_v2.0_cls_infer")],
    ["rnn", fixture("rnn").model],
    ["vit", fixture("vit").model],
  ];
  const rows = [];
  for (const [name, path] of models) {
    const { model, report } = await optimize(path);
    const peers = peer("count", path)?.nodes ?? {};
    const fidelity = Object.values(report.fidelity?.outputs ?? {});
    const error = Math.max(...fidelity.map(({ maxAbsError }) => maxAbsError));
    rows.push([
      name,
      peers.original ?? "-",
      nodes(model),
      peers.onnxslim ?? "-",
      peers.onnxsim ?? "-",
      peers.basic ?? "-",
      error === 0 ? "equal" : error.toPrecision(2),
    ]);
  }
  printTable(
    "Nodes after optimizing",
    ["model", "before", "edgec", "onnxslim", "onnxsim", "onnxruntime basic", "largest error"],
    rows,
  );
  await timeLarge(`${OUT}/transformer.onnx`);
}

function nodes(model) {
  return model.graph.nodes.filter((node) => node.opType !== "Constant").length;
}

function peer(job, ...paths) {
  const run = spawnSync(PYTHON, [script, job, ...paths], { encoding: "utf8" });
  return run.status === 0 ? JSON.parse(run.stdout.trim().split("\n").at(-1)) : undefined;
}

async function timeLarge(path) {
  if (!peer("generate", path)) return console.log("no onnxslim: the time on a large model is not compared\n");
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await optimize(path, { output: `${OUT}/transformer.edgec.onnx`, verify: false });
    ours.push((performance.now() - start) / 1000);
    theirs.push(peer("time", path, `${OUT}/transformer.slim.onnx`).seconds);
  }
  const [a, b] = [median(ours), median(theirs)];
  printTable(
    "Time on a transformer of 100 MB, read to written",
    ["edgec", "onnxslim", "ratio"],
    [[`${a.toFixed(2)} s`, `${b.toFixed(2)} s`, times(b / a)]],
  );
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
