/**
 * Lines and pages of text for the PP-OCRv4 models, drawn once into bench/out by a Python that has numpy and
 * pillow.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OCR, OUT } from "./fixtures.mjs";
import { PYTHON } from "./peers.mjs";

const script = fileURLToPath(new URL("./render_text.py", import.meta.url));
const metric = (name) => fileURLToPath(new URL(`./metric-${name}.mjs`, import.meta.url));

const MODELS = {
  rec: { model: OCR("ch_PP-OCRv4_rec_infer"), metric: metric("characters") },
  det: { model: OCR("ch_PP-OCRv4_det_infer"), metric: metric("text-pixels") },
  cls: { model: OCR("ch_ppocr_mobile_v2.0_cls_infer") },
};

/**
 * Like `fixture`, with `labels`, and `metric` where it is not top-1: rec (recognition), det (detection),
 * cls (direction).
 */
export function ocrFixture(name) {
  const data = (part) => `${OUT}/${name}-${part}`;
  return {
    name,
    ...MODELS[name],
    calib: data("calib.npz"),
    eval: data("eval.npz"),
    labels: data("eval.json"),
    out: (suffix) => `${OUT}/${name}.${suffix}.onnx`,
  };
}

/** Draws what is not there yet; returns the reason when that fails. */
export function renderText() {
  const names = Object.keys(MODELS).map(ocrFixture);
  if (names.every(({ calib, eval: evaluation, labels }) => [calib, evaluation, labels].every(existsSync)))
    return undefined;
  const run = spawnSync(PYTHON, [script, OUT], { encoding: "utf8" });
  if (run.error) return run.error.message;
  return run.status === 0 ? undefined : (run.stderr.trim().split("\n").at(-1) ?? "failed");
}
