/** Recognizes files that people pass by mistake, so that the message can say what they are. */

const TEXT_FORM =
  "is an ONNX model in text form. Convert it to binary with onnx.parser or text_format, and onnx.save.";
const WEB_PAGE = "is a web page, not an ONNX model. Download the file again.";
const ORT_FORMAT =
  "is in the .ort format, which cannot be changed. Use the .onnx file that it was made from.";

const SIGNATURES: readonly (readonly [at: number, signature: string, what: string])[] = [
  [0, "version https://git-lfs", "is a Git LFS pointer, not the model. Run `git lfs pull`."],
  [
    0,
    "pk\u0003\u0004",
    "is a zip archive (a PyTorch checkpoint or .npz?), not an ONNX model. Unpack it, or export it to ONNX first.",
  ],
  [0, "<!doctype", WEB_PAGE],
  [0, "<html", WEB_PAGE],
  [0, "<?xml", "is an XML file (OpenVINO?), not an ONNX model. Use the .onnx file that it was made from."],
  [0, "\u001f\u008b", "is gzip-compressed. Unpack it first."],
  [0, "\u0089hdf", "is an HDF5 file (Keras?), not an ONNX model. Convert it with tf2onnx."],
  [4, "tfl3", "is a TensorFlow Lite model, not ONNX. Convert it with tf2onnx."],
  [4, "ortm", ORT_FORMAT],
];

/** Describes what the file is instead of an ONNX model; undefined if it may be one. */
export function describeForeignFile(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return "is empty. Export or download it again.";
  const head = headOf(bytes, 64).toLowerCase();
  if (/^\s*<?\s*ir_version\b/.test(head)) return TEXT_FORM;
  return SIGNATURES.find(([at, signature]) => head.startsWith(signature, at))?.[2];
}

/** The same for a file that could not be decoded: whether it is text. */
export function describeText(bytes: Uint8Array): string | undefined {
  const head = headOf(bytes, 1024);
  if (!/^[\t\n\r\x20-\x7e]+$/.test(head)) return undefined;
  return /\b(ir_version|opset_import|op_type|graph)\b/.test(head)
    ? TEXT_FORM
    : "is a text file, not an ONNX model";
}

function headOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.subarray(0, length)).toString("latin1");
}
