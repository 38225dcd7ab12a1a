/**
 * Intersection over union of the text that PP-OCRv4 detection finds (probability above 0.3) and what was
 * drawn, percent.
 */
export const name = "text pixels, IoU";

/** Labels are indices of the pixels of text at a quarter of the size. */
const SHRINK = 4;

export function create() {
  let both = 0;
  let either = 0;
  return {
    observe(outputs, label) {
      const { dims, data } = Object.values(outputs)[0];
      const width = dims.at(-1);
      const columns = width / SHRINK;
      const drawn = new Set(label);
      for (let k = 0; k < columns * (dims.at(-2) / SHRINK); k++) {
        const found = data[Math.floor(k / columns) * SHRINK * width + (k % columns) * SHRINK] > 0.3;
        if (found && drawn.has(k)) both++;
        if (found || drawn.has(k)) either++;
      }
    },
    result: () => (either === 0 ? 100 : (100 * both) / either),
  };
}
