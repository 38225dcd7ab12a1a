/**
 * Gram matrices in files: the calibration process writes them, and the main process or a solver reads each one
 * when it is needed. A network has some gigabytes of them, of which one is in use at a time.
 */
import type { NumericArray } from "../ir/index.js";
import type { Gram, MeasuredGram, StoredGram } from "../numeric/statistics.js";
import { ValuesFile } from "./values-file.js";

export function gramBytesOf({ matrices, means, samples = [] }: MeasuredGram): number {
  return [...matrices, ...samples, ...means].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/**
 * Writes for each group its matrix or rows, then its mean. Throws EdgecError CANNOT_WRITE if there is no space.
 */
export function writeGram(gram: MeasuredGram, path: string): StoredGram {
  const { size, rows, matrices, means, samples } = gram;
  const file = ValuesFile.create(path);
  try {
    let end = 0;
    for (const [group, values] of (samples ?? matrices).entries())
      end = file.write(means[group]!, file.write(values, end));
  } finally {
    file.close();
  }
  const form = samples ? "rows" : matrices[0] instanceof Float32Array ? "singles" : "doubles";
  return { path, size, groups: means.length, rows, form };
}

/** Throws EdgecError CANNOT_READ. */
export function readGram({ path, size, groups, rows, form }: StoredGram): Gram {
  const file = ValuesFile.open(path);
  let end = 0;
  const next = <T extends NumericArray>(values: T): T => {
    file.read(values, end);
    end += values.byteLength;
    return values;
  };
  try {
    const matrices: Float64Array[] = [];
    const samples: Float32Array[] = [];
    const means: Float64Array[] = [];
    for (let group = 0; group < groups; group++) {
      if (form === "rows") samples.push(next(new Float32Array(rows * size)));
      else if (form === "doubles") matrices.push(next(new Float64Array(size * size)));
      else matrices.push(new Float64Array(next(new Float32Array(size * size))));
      means.push(next(new Float64Array(size)));
    }
    return { size, matrices, means, rows, ...(form === "rows" ? { samples } : {}) };
  } finally {
    file.close();
  }
}

/** With matrices in double precision. */
export function inDoubles(gram: MeasuredGram): Gram {
  const matrices = gram.matrices.map((own) => (own instanceof Float64Array ? own : new Float64Array(own)));
  return { ...gram, matrices };
}
