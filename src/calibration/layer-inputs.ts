/** Reads the inputs of layers from their files, scaled for the solvers: large ones are never held twice. */
import {
  type KnownInputs,
  type LayerInputs,
  type Reals,
  type RoutineArguments,
  type RoutineName,
  sampledInputs,
  scaledMoments,
  type StoredInputs,
} from "../solver/index.js";
import { ValuesFile } from "./values-file.js";

/** Values to read at once. */
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
  const file = ValuesFile.open(inputs.file.path);
  try {
    return readGroup(file, inputs);
  } finally {
    file.close();
  }
}

function readGroup(
  file: ValuesFile,
  { group, file: { size, rows, form } }: StoredInputs,
): KnownInputs | undefined {
  const count = form === "rows" ? rows * size : size ** 2;
  const width = form === "doubles" ? 8 : 4;
  const start = group * (count * width + 8 * size);
  const mean = file.read(new Float64Array(size), start + count * width);
  if (form === "rows") return sampledInputs(size, file.read(new Float32Array(count), start), mean);
  const reals = (length: number): Reals =>
    form === "doubles" ? new Float64Array(length) : new Float32Array(length);
  const entry = reals(1);
  const diagonal = Float64Array.from(
    { length: size },
    (_, i) => file.read(entry, start + width * i * (size + 1))[0]!,
  );
  const piece = reals(Math.min(PIECE, count));
  return scaledMoments({ diagonal, mean, rows }, (square, scaled) => {
    for (let from = 0; from < count; from += PIECE) {
      const own = file.read(piece.subarray(0, count - from), start + width * from);
      for (let i = 0; i < own.length; i++) scaled[from + i] = own[i]! / square;
    }
  });
}
