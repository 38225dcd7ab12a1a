/** NaN and infinities in data are always a mistake made before edgec, and ruin every statistic after it. */
import { BadDataError } from "../errors.js";
import { DataType, halfToFloat, type TensorValue } from "../ir/index.js";

/** Throws BadDataError that names the first value that is NaN or infinite, if there is one. */
export function requireFinite(value: TensorValue, where: string): void {
  const { data } = value;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) throw notFinite(where, data[i]!, i);
  }
  if (value.dataType === DataType.FLOAT16 && data instanceof Uint16Array) {
    for (let i = 0; i < data.length; i++)
      if ((data[i]! & 0x7c00) === 0x7c00) throw notFinite(where, halfToFloat(data[i]!), i);
  }
}

function notFinite(where: string, value: number, index: number): BadDataError {
  return new BadDataError(
    `${where} holds ${value} at flat index ${index}. Data must be finite: fix or ` + "remove this sample",
  );
}
