/** Recognises files that people pass by mistake, so that the message can say what they are. */

const SIGNATURES: readonly (readonly [prefix: string, what: string])[] = [
  ["version https://git-lfs", "is a Git LFS pointer, not the model; run `git lfs pull`"],
  ["PK\u0003\u0004", "is a zip archive (a PyTorch checkpoint or .npz?), not an ONNX model; export it to ONNX first"],
  ["<!DOCTYPE", "is a web page, not an ONNX model; the download went wrong"],
  ["<html", "is a web page, not an ONNX model; the download went wrong"],
  ["ir_version", "is an ONNX model in text form; convert it to binary with onnx.save"],
  ["<\n", "is an ONNX model in text form; convert it to binary with onnx.parser and onnx.save"],
  ["\u001f\u008b", "is gzip-compressed; unpack it first"],
  ["ORTM", "is in the .ort format, which cannot be changed any more; use the .onnx file that it was made from"],
];

/** A phrase that says what the file is instead of an ONNX model, or undefined when it may be one. */
export function describeForeignFile(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return "is empty";
  const head = Buffer.from(bytes.subarray(0, 32)).toString("latin1");
  if (head.slice(4, 8) === "TFL3") return "is a TensorFlow Lite model, not ONNX; convert it with tf2onnx";
  if (/^<\s*ir_version/.test(head)) return "is an ONNX model in text form; convert it to binary with onnx.parser and onnx.save";
  return SIGNATURES.find(([prefix]) => head.startsWith(prefix))?.[1] ?? (head.slice(4, 8) === "ORTM" ? SIGNATURES.at(-1)?.[1] : undefined);
}
