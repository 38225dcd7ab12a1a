/**
 * Percentile calibration of PP-OCRv4 recognition on 60 samples: time and peak memory of the whole command.
 */
import { writeFileSync } from "node:fs";
import { zipSync } from "fflate";
import { OCR_RECOGNITION, OUT } from "./fixtures.mjs";
import { measure } from "./memory.mjs";
import { hasPeer, PYTHON } from "./peers.mjs";
import { printTable } from "./table.mjs";

const SAMPLES = 60;
const SHAPE = [SAMPLES, 3, 48, 320];

export default async function calibration() {
  const data = `${OUT}/ocr-lines.npz`;
  writeFileSync(data, zipSync({ "x.npy": npy(SHAPE, smoothLines()) }, { level: 0 }));
  const args = [
    "bin/edgec.js",
    "compress",
    OCR_RECOGNITION,
    "--int8",
    "--calibrator",
    "percentile",
    "--calib",
    data,
    "-o",
    `${OUT}/ocr.int8.onnx`,
    "--force",
    "--quiet",
  ];
  const only = await measure(process.execPath, [...args, "--no-verify"]);
  const whole = await measure(process.execPath, args);
  const rows = [
    ["edgec compress, without the check", ...row(only)],
    ["edgec compress, with size, fidelity and latency", ...row(whole)],
  ];
  if (hasPeer())
    rows.push([
      "onnxruntime quantize_static, Percentile",
      ...row(
        await measure(PYTHON, ["bench/peer.py", "percentile", OCR_RECOGNITION, data, `${OUT}/ocr.peer.onnx`]),
      ),
    ]);
  printTable(
    "PP-OCRv4 recognition, 60 samples, Percentile (asked: 1/4 of the time, 1/12 of the memory)",
    ["tool", "seconds", "peak MiB", "result"],
    rows,
  );
}

function row({ seconds, peakMiB, status, errors }) {
  return [
    seconds.toFixed(1),
    peakMiB.toFixed(0),
    status === 0 ? "valid model" : (errors.trim().split("\n").at(-1)?.slice(0, 100) ?? "failed"),
  ];
}

/** Dark strokes on light ground, seeded: lines of text as the detector would cut them, roughly. */
function smoothLines() {
  const [count, channels, height, width] = SHAPE;
  const values = new Float32Array(count * channels * height * width);
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let n = 0; n < count; n++) {
    const strokes = Array.from({ length: 40 }, () => [random() * width, 8 + random() * 32, 2 + random() * 6]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const dark = strokes.some(([sx, sy, r]) => Math.abs(x - sx) < r && Math.abs(y - sy) < 2 * r);
        for (let c = 0; c < channels; c++)
          values[((n * channels + c) * height + y) * width + x] =
            (dark ? -0.8 : 0.8) + 0.1 * (random() - 0.5);
      }
    }
  }
  return values;
}

function npy(shape, values) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const header = text + " ".repeat(63 - ((10 + text.length) % 64)) + "\n";
  const head = Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    Buffer.from(Uint16Array.of(header.length).buffer),
    Buffer.from(header),
  ]);
  return Buffer.concat([head, Buffer.from(values.buffer)]);
}
