/**
 * The small integer constants of chains, such as divisors, axes and shapes. The same few occur in hundreds of
 * drafts for each tensor, so each is made once and looked up without text keys.
 */
import { DataType, int64Tensor, integerTensor } from "../../ir/index.js";
import type { Tensor } from "../../ir/index.js";

export interface IntegerConstant {
  /** Equal for equal constants alone. */
  readonly key: string;
  readonly dims: readonly number[];
  readonly dataType: DataType;
  readonly tensor: () => Tensor;
}

/** A path of numbers leads to each constant. */
interface Branch {
  constant?: IntegerConstant;
  readonly next: Map<number, Branch>;
}

/** The most constants to keep; beyond that, the cache starts again. */
const MOST = 10_000;

let int32Root: Branch = { next: new Map() };
let int64Root: Branch = { next: new Map() };
let columns = new Map<number, IntegerConstant>();
let kept = 0;

export function int32Constant(values: readonly number[], dims: readonly number[]): IntegerConstant {
  return (found(found(step(int32Root, dims.length), dims), values).constant ??= counted({
    key: `i32 ${dims.join()}: ${values.join()}`,
    dims: [...dims],
    dataType: DataType.INT32,
    tensor: () => integerTensor("", dims, DataType.INT32, Int32Array.from(values)),
  }));
}

export function int64Constant(values: readonly number[]): IntegerConstant {
  return (found(int64Root, values).constant ??= counted({
    key: `i64 ${values.join()}`,
    dims: [values.length],
    dataType: DataType.INT64,
    tensor: () => int64Tensor("", values),
  }));
}

/** 1, radix, radix², …, below 2^31. */
export function powersColumn(radix: number, count: number): IntegerConstant {
  const place = radix * 32 + count;
  let column = columns.get(place);
  if (!column) {
    column = int32Constant(
      Array.from({ length: count }, (_, j) => radix ** j),
      [count, 1],
    );
    columns.set(place, column);
  }
  return column;
}

function found(from: Branch, numbers: readonly number[]): Branch {
  let branch = from;
  for (const number of numbers) branch = step(branch, number);
  return branch;
}

function step({ next }: Branch, number: number): Branch {
  let branch = next.get(number);
  if (!branch) next.set(number, (branch = { next: new Map() }));
  return branch;
}

function counted(constant: IntegerConstant): IntegerConstant {
  if (++kept > MOST) {
    [int32Root, int64Root] = [{ next: new Map() }, { next: new Map() }];
    columns = new Map();
    kept = 0;
  }
  return constant;
}
