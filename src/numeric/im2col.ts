/** Rows of the matrix that a convolution multiplies by its weights: one row per output position. */
import type { RowLayout } from "./statistics.js";

/** Rows that are gathered together: their values lie near each other in each channel. */
const BAND = 16;

type ConvolutionLayout = Extract<RowLayout, { type: "convolution" }>;

/** Gives access to the rows of one tensor. */
export interface RowSource {
  /** Number of rows that the tensor has. */
  readonly rows: number;
  /** Features of a row (of one group). */
  readonly size: number;
  readonly groups: number;
  /**
   * Writes the rows at `positions` (row numbers): group g's k-th row at
   * `target[(g * rowsPerGroup + firstRow + k) * size]` and on.
   */
  gather(
    values: Float32Array,
    positions: readonly number[],
    target: Float32Array,
    firstRow: number,
    rowsPerGroup: number,
  ): void;
}

/**
 * The rows of a tensor of shape `dims`, or undefined if it does not have the rank or channels that `layout`
 * needs.
 */
export function rowSource(layout: RowLayout, dims: readonly number[]): RowSource | undefined {
  return layout.type === "lastAxis" ? lastAxisRows(dims) : convolutionRows(layout, dims);
}

function lastAxisRows(dims: readonly number[]): RowSource | undefined {
  const size = dims.at(-1);
  if (size === undefined || size === 0) return undefined;
  const rows = dims.slice(0, -1).reduce((product, dim) => product * dim, 1);
  return {
    rows,
    size,
    groups: 1,
    gather: (values, positions, target, firstRow) =>
      positions.forEach((row, k) =>
        target.set(values.subarray(row * size, (row + 1) * size), (firstRow + k) * size),
      ),
  };
}

/**
 * The im2col rows of a tensor [n, c, ...spatial]. Row order is n, then output positions row-major. A
 * feature is channel-in-group × kernel element, channel outermost, as in weights [m, c / groups,
 * ...kernel]. Padding reads as zero.
 */
function convolutionRows(layout: ConvolutionLayout, dims: readonly number[]): RowSource | undefined {
  const [batch, channels, ...spatial] = dims;
  const rank = layout.kernel.length;
  if (
    batch === undefined ||
    channels === undefined ||
    spatial.length !== rank ||
    channels % layout.groups !== 0 ||
    channels === 0
  )
    return undefined;
  const outputs = spatial.map((extent, axis) => {
    const reach = (layout.kernel[axis]! - 1) * (layout.dilations[axis] ?? 1) + 1;
    const padded = extent + (layout.pads[axis] ?? 0) + (layout.pads[axis + rank] ?? 0);
    return Math.max(0, Math.floor((padded - reach) / (layout.strides[axis] ?? 1)) + 1);
  });
  const positions = product(outputs);
  const plane = product(spatial);
  const kernelSize = product(layout.kernel);
  const size = (channels / layout.groups) * kernelSize;
  const offsets = new Int32Array(kernelSize);
  const sources = new Int32Array(BAND * kernelSize);
  return {
    rows: batch * positions,
    size,
    groups: layout.groups,
    gather(values, rows, target, firstRow, rowsPerGroup) {
      for (let begin = 0; begin < rows.length; begin += BAND) {
        const count = Math.min(BAND, rows.length - begin);
        for (let k = 0; k < count; k++) {
          const row = rows[begin + k]!;
          const image = Math.floor(row / positions) * channels * plane;
          kernelOffsets(layout, spatial, outputs, row % positions, offsets);
          for (let e = 0; e < kernelSize; e++)
            sources[k * kernelSize + e] = offsets[e]! < 0 ? -1 : image + offsets[e]!;
        }
        for (let channel = 0; channel < channels; channel++) {
          const group = Math.floor((channel * kernelSize) / size);
          const at = (group * rowsPerGroup + firstRow + begin) * size + ((channel * kernelSize) % size);
          copyChannel(values, channel * plane, sources, kernelSize, count, target, at, size);
        }
      }
    },
  };
}

/** Copies one channel's part of `count` rows, which begin at `at` and every `size`. */
function copyChannel(
  values: Float32Array,
  from: number,
  sources: Int32Array,
  kernelSize: number,
  count: number,
  target: Float32Array,
  at: number,
  size: number,
): void {
  for (let k = 0, s = 0; k < count; k++)
    for (let e = 0, to = at + k * size; e < kernelSize; e++, s++, to++)
      target[to] = sources[s]! < 0 ? 0 : values[from + sources[s]!]!;
}

/**
 * For each kernel element, the index in the channel's plane that it reads for output `position`, or -1 in the
 * padding.
 */
function kernelOffsets(
  layout: ConvolutionLayout,
  spatial: readonly number[],
  outputs: readonly number[],
  position: number,
  offsets: Int32Array,
): void {
  const rank = spatial.length;
  offsets.fill(0);
  let remaining = position;
  let repeat = 1;
  let stride = 1;
  for (let axis = rank - 1; axis >= 0; axis--) {
    const begin = (remaining % outputs[axis]!) * (layout.strides[axis] ?? 1) - (layout.pads[axis] ?? 0);
    remaining = Math.floor(remaining / outputs[axis]!);
    const kernel = layout.kernel[axis]!;
    for (let e = 0; e < offsets.length; e++) {
      const coordinate = begin + (Math.floor(e / repeat) % kernel) * (layout.dilations[axis] ?? 1);
      if (offsets[e]! < 0) continue;
      offsets[e] = coordinate < 0 || coordinate >= spatial[axis]! ? -1 : offsets[e]! + coordinate * stride;
    }
    repeat *= kernel;
    stride *= spatial[axis]!;
  }
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}
