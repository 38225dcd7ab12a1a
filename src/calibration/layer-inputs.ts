/** Reads the inputs of layers from their files, scaled for the solvers: large ones are never held twice. */
import { closeSync, openSync } from "node:fs";
import {
  type KnownInputs,
  type LayerInputs,
  type RoutineArguments,
  type RoutineName,
  sampledInputs,
  scaledMoments,
  type StoredInputs,
} from "../solver/index.js";
import { readAt } from "./moments-file.js";

/** Doubles to read at once. */
const PIECE = 2 ** 19;

/** The arguments of a routine, with the inputs of its layer read. Throws EdgecError CANNOT_READ. */
export function withInputsRead<K extends RoutineName>(args: RoutineArguments<K>): RoutineArguments<K> {
  const read = (argument: unknown): unknown =>
    isLayer(argument)
      ? { ...argument, inputs: argument.inputs.map((own) => own && readInputs(own)) }
      : argument;
  return (args as readonly unknown[]).map(read) as unknown as RoutineArguments<K>;
}

function isLayer(argument: unknown): argument is { readonly inputs: readonly (LayerInputs | undefined)[] } {
  return typeof argument === "object" && argument !== null && "inputs" in argument;
}

/** Undefined if the inputs are all zero. */
export function readInputs(inputs: LayerInputs): KnownInputs | undefined {
  if (!("file" in inputs)) return inputs;
  const file = openSync(inputs.file.path, "r");
  try {
    return readGroup(file, inputs);
  } finally {
    closeSync(file);
  }
}

function readGroup(
  file: number,
  { group, file: { size, rows, isRows } }: StoredInputs,
): KnownInputs | undefined {
  const bytes = isRows ? 4 * rows * size : 8 * size ** 2;
  const start = group * (bytes + 8 * size);
  const mean = readAt(file, new Float64Array(size), start + bytes);
  if (isRows) return sampledInputs(size, readAt(file, new Float32Array(rows * size), start), mean);
  const entry = new Float64Array(1);
  const diagonal = Float64Array.from(
    { length: size },
    (_, i) => readAt(file, entry, start + 8 * i * (size + 1))[0]!,
  );
  return scaledMoments(diagonal, mean, (square, scaled) => {
    const piece = new Float64Array(Math.min(PIECE, scaled.length));
    for (let from = 0; from < scaled.length; from += PIECE) {
      const own = readAt(file, piece.subarray(0, scaled.length - from), start + 8 * from);
      for (let i = 0; i < own.length; i++) scaled[from + i] = own[i]! / square;
    }
  });
}
