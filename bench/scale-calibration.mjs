/**
 * How calibration grows: processor time with the resolution of a U-Net, and memory with the number of samples.
 * Takes minutes and 6 GB of disk.
 */
import { rmSync } from "node:fs";
import { OUT } from "./fixtures.mjs";
import { measureProcessor } from "./memory.mjs";
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

async function quantize(model, data, more) {
  const output = `${OUT}/scaled.onnx`;
  const command = ["bin/edgec.js", "compress", model, "--int8", "--calib", data, "-o", output];
  const args = [...command, "--force", "--quiet", ...more];
  const { cpuSeconds, peakMiB, status } = await measureProcessor(process.execPath, args);
  rmSync(data);
  return { cpuSeconds, peakMiB, result: status === 0 ? "valid model" : `exit code ${status}` };
}
