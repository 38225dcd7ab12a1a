// A service that fails in every way a child process can.
export async function double(array) {
  console.log("this must not reach the parent's stdout");
  return array.map((x) => x * 2);
}
export async function throws() {
  throw new TypeError("a bug");
}
export async function throwsEdgecError() {
  const { BadDataError } = await import(new URL("../../dist/index.js", import.meta.url));
  throw new BadDataError("sample 3: it is empty");
}
export async function exits() {
  process.exit(7);
}
export async function killsItself() {
  process.kill(process.pid, "SIGKILL");
  await new Promise(() => undefined);
}
export async function exhaustsHeap() {
  const kept = [];
  for (;;) kept.push(new Array(1e6).fill({}));
}
export async function blocks() {
  for (;;);
}
export async function environment(name) {
  return process.env[name];
}
export async function isKilledBy(signal) {
  process.kill(process.pid, signal);
  await new Promise(() => undefined);
}
