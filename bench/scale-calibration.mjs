/**
 * How calibration grows: processor time with the resolution of a U-Net, and memory with the number of samples.
 * Takes minutes and 6 GB of disk.
 */
import { rmSync } from "node:fs";
import { OUT } from "./fixtures.mjs";
import { measure } from "./memory.mjs";
import { writeImages, writeSmallNet, writeUnet } from "./scale-models.mjs";
import { printTable } from "./table.mjs";

const RESOLUTIONS = [512, 1024];
const SAMPLES = 10;
const COUNTS = [12, 10_000];

export default async function scaleCalibration() {
  const nets = [];
  for (const size of RESOLUTIONS)
    nets.push(await quantize(writeUnet(OUT, size), writeImages(OUT, SAMPLES, size), []));
  const rows = nets.map(({ cpuSeconds, peakMiB, result }, k) => [
    `${RESOLUTIONS[k]}²`,
    cpuSeconds.toFixed(1),
    (cpuSeconds / nets[0].cpuSeconds).toFixed(2),
    peakMiB.toFixed(0),
    result,
  ]);
  printTable(
    `U-Net, --int8 with ${SAMPLES} samples (asked: at most 4.5 times the CPU seconds)`,
    ["images", "CPU s", "ratio", "peak MiB of all processes", "result"],
    rows,
  );
  const sets = [];
  for (const count of COUNTS)
    sets.push(await quantize(writeSmallNet(OUT, 224), writeImages(OUT, count, 224), ["--effort", "fast"]));
  printTable(
    "Small network, --int8 with samples of 224² (asked: at most 100 MB more)",
    ["samples", "CPU s", "peak MiB of all processes", "more MiB", "result"],
    sets.map(({ cpuSeconds, peakMiB, result }, k) => [
      String(COUNTS[k]),
      cpuSeconds.toFixed(1),
      peakMiB.toFixed(0),
      (peakMiB - sets[0].peakMiB).toFixed(0),
      result,
    ]),
  );
}

/** The shell adds up the processor time of all that it started. */
async function quantize(model, data, more) {
  const output = `${OUT}/scaled.onnx`;
  const command = ["bin/edgec.js", "compress", model, "--int8", "--calib", data, "-o", output];
  const { peakMiB, status, errors } = await measure("sh", [
    ...["-c", '"$@"; status=$?; times >&2; exit $status', "sh", process.execPath],
    ...[...command, "--force", "--quiet", ...more],
  ]);
  rmSync(data);
  const times = errors.trim().split("\n").at(-1) ?? "";
  const seconds = [...times.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => 60 * Number(m) + Number(s));
  const cpuSeconds = seconds.reduce((sum, own) => sum + own, 0);
  return { cpuSeconds, peakMiB, result: status === 0 ? "valid model" : `exit code ${status}` };
}
