/** What threads are asked to do in tests. */
export function double(values) {
  return values.map((value) => 2 * value);
}

export function fail() {
  throw new RangeError("not positive definite");
}

/** Never returns, nor lets anything else be heard. */
export function spin() {
  for (;;);
}

export function threadEnds() {
  process.exit(3);
}

let calls = 0;
export function count() {
  return ++calls;
}
