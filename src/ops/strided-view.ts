/** Strided views of a constant, and their reshape and transpose. Pure arithmetic. */
export interface StridedView {
  readonly dims: readonly number[];
  /** Stride of each axis, in elements of the constant. */
  readonly strides: readonly number[];
}

/** The view with its axes in another order. */
export function transposedView(
  { dims, strides }: StridedView,
  order: readonly number[],
): StridedView | undefined {
  if (
    order.length !== dims.length ||
    new Set(order).size !== order.length ||
    order.some((axis) => !(axis in dims))
  )
    return undefined;
  return { dims: order.map((axis) => dims[axis]!), strides: order.map((axis) => strides[axis]!) };
}

export function reshapeTarget(
  dims: readonly number[],
  given: readonly number[],
  zerosCount: boolean,
): number[] | undefined {
  const target = given.map((dim, k) => (dim === 0 && !zerosCount ? (dims[k] ?? 0) : dim));
  const known = target.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  return target.map((dim) => (dim === -1 && known > 0 ? countOf(dims) / known : dim));
}

export function flattened(dims: readonly number[], axis: number): number[] {
  const at = axis < 0 ? axis + dims.length : axis;
  return [countOf(dims.slice(0, at)), countOf(dims.slice(at))];
}

export function squeezed(dims: readonly number[], axes: readonly number[] | undefined): number[] {
  const gone = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis));
  return dims.filter((dim, axis) => (gone ? !gone.includes(axis) : dim !== 1));
}

export function unsqueezed(dims: readonly number[], axes: readonly number[]): number[] {
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)));
}

/**
 * Other axes over the same order of values, if strides can express that: axes that are not contiguous cannot be
 * merged.
 */
export function reshaped(view: StridedView, dims: readonly number[] | undefined): StridedView | undefined {
  if (!dims?.every((dim) => Number.isInteger(dim) && dim > 0) || countOf(dims) !== countOf(view.dims))
    return undefined;
  const old = view.dims.flatMap((dim, k) => (dim === 1 ? [] : [{ dim, stride: view.strides[k]! }]));
  const strides: number[] = [];
  // From the last axis back: `run` values of the old axes have stride `step`, of which the new axes have
  // covered `taken`.
  let [run, step, taken] = [1, 1, 1];
  for (const dim of [...dims].reverse()) {
    if (dim === 1) {
      strides.push(step * taken);
      continue;
    }
    if (taken === run) {
      const next = old.pop()!;
      [run, step, taken] = [next.dim, next.stride, 1];
    }
    while (taken * dim > run) {
      const next = old.pop();
      if (next?.stride !== step * run) return undefined;
      run *= next.dim;
    }
    if (run % (taken * dim) !== 0) return undefined;
    strides.push(step * taken);
    taken *= dim;
  }
  return { dims, strides: strides.reverse() };
}

/** Offsets of all index combinations along some axes of a view, row-major, with the other axes at 0. */
export function viewOffsets(
  { dims, strides }: StridedView,
  axes: readonly number[] = [...dims.keys()],
): Int32Array {
  let offsets = Int32Array.of(0);
  for (const axis of axes) {
    const [dim, stride] = [dims[axis]!, strides[axis]!];
    const wider = new Int32Array(offsets.length * dim);
    for (let i = 0, at = 0; i < offsets.length; i++)
      for (let k = 0; k < dim; k++) wider[at++] = offsets[i]! + k * stride;
    offsets = wider;
  }
  return offsets;
}

export function rowMajor(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** Whether the view keeps the constant's own order of values. */
export function isInOrder({ dims, strides }: StridedView): boolean {
  const own = rowMajor(dims);
  return dims.every((dim, axis) => dim === 1 || strides[axis] === own[axis]);
}

export function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
