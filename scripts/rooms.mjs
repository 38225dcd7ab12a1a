/**
 * The rooms of src/, from the lowest to the highest: what is in each and what it may import. The import
 * rules and the table in docs/internals/architecture.md are made of this. A room may import those that it names and
 * the files directly under src/; a name behind "type:" is for types alone. A folder that is not listed here
 * may import nothing.
 */
export default [
  {
    room: "ir",
    may: [],
    holds:
      "the model in memory: graph, nodes, tensors, an editor that keeps producers and users true, the validator",
  },
  {
    room: "numeric",
    may: [],
    holds:
      "mathematics on typed arrays: affine quantization, calibrators, histograms, k-means, least squares",
  },
  {
    room: "solver",
    may: ["numeric"],
    holds:
      "least squares of whole layers: scores, refits and codebooks of all rows at once, by products of matrices " +
      "that an engine makes",
  },
  { room: "threads", may: ["numeric"], holds: "runs a module's functions on threads of their own" },
  {
    room: "targets",
    may: [],
    holds:
      "device profiles as data with their int8 kernels, profiles of the user's own, and what `native` " +
      "means on this machine",
  },
  {
    room: "ops",
    may: ["ir", "targets"],
    holds:
      "facts about operators as data: inputs, outputs and attributes at every version, " +
      "roles in int8, where weights are, opset conversions",
  },
  {
    room: "layers",
    may: ["ir", "numeric", "ops"],
    holds:
      "the one model of a layer: its weight in any form, bias, rows and columns, groups, moments of its inputs, " +
      "and which layers share channels; alone reads and writes QuantizeLinear and DequantizeLinear",
  },
  { room: "onnx", may: ["ir"], holds: "bytes ↔ IR; the only room that knows protobuf; external data" },
  {
    room: "data",
    may: ["ir", "onnx"],
    holds: "datasets: npz, npy, jsonl, `test_data_set_N`, a user's module",
  },
  {
    room: "runtime",
    may: ["ir", "onnx"],
    holds: "the only importer of onnxruntime: sessions, timing, the child process",
  },
  {
    room: "calibration",
    may: ["ir", "numeric", "solver", "threads", "onnx", "data", "runtime"],
    holds:
      "a model, a dataset and a list of wanted statistics → statistics, streamed; its process solves as well",
  },
  {
    room: "patterns",
    may: ["ir", "ops"],
    holds:
      "a language for what a fusion looks for: operands in any order, constants, optional parts, and what stopped " +
      "a match that came near",
  },
  {
    room: "passes",
    may: ["ir", "numeric", "solver", "ops", "layers", "patterns"],
    holds:
      "changes to a model. A pass never runs one, so its tests need no runtime; `contract.ts` says what a pass is",
  },
  {
    room: "fidelity",
    may: ["ir", "numeric"],
    holds:
      "how close outputs are: where they decide, on each sample, with intervals; whether one model is closer than " +
      "another beyond chance; how much may be lost",
  },
  {
    room: "verify",
    may: ["ir", "numeric", "fidelity", "onnx", "data", "runtime"],
    holds: "compares two files: fidelity, accuracy, latency, size, what is executed, gates; knows no pass",
  },
  {
    room: "output",
    may: ["ir", "targets", "onnx", "data", "verify"],
    holds: "where files may be written, and how they take their names",
  },
  {
    room: "plan",
    may: ["ir", "targets", "ops", "data", "passes", "verify"],
    holds: "options → the passes to run: registry, recipe, exclusions, decisions to repeat. Runs nothing",
  },
  {
    room: "search",
    may: [
      "ir",
      "numeric",
      "targets",
      "ops",
      "layers",
      "onnx",
      "data",
      "runtime",
      "calibration",
      "passes",
      "fidelity",
      "verify",
      "plan",
    ],
    holds: "which nodes int8 leaves in float: by time, by the target's table of costs, by accuracy",
  },
  {
    room: "run",
    may: [
      "ir",
      "numeric",
      "solver",
      "threads",
      "ops",
      "onnx",
      "data",
      "runtime",
      "calibration",
      "passes",
      "fidelity",
      "verify",
      "plan",
      "search",
    ],
    holds: "carries out one plan on one model: measures, runs the passes, judges steps on samples held out",
  },
  {
    room: "inspect",
    may: [
      "ir",
      "numeric",
      "ops",
      "layers",
      "onnx",
      "data",
      "runtime",
      "calibration",
      "passes",
      "plan",
      "run",
    ],
    holds: "what a model is made of, what could be done to it, and how two differ",
  },
  {
    room: "compare",
    may: [
      "ir",
      "numeric",
      "targets",
      "ops",
      "onnx",
      "data",
      "runtime",
      "calibration",
      "passes",
      "fidelity",
      "verify",
      "output",
      "plan",
      "search",
      "run",
      "type:report",
    ],
    holds: "`verify`, `bench` and `sensitivity`; measures a compressed file against its original",
  },
  {
    room: "compress",
    may: [
      "ir",
      "numeric",
      "targets",
      "ops",
      "onnx",
      "data",
      "runtime",
      "passes",
      "fidelity",
      "verify",
      "output",
      "plan",
      "search",
      "run",
      "compare",
      "type:report",
    ],
    holds: "`compress` and `optimize`: plan, build candidates, choose one, give it its name",
  },
  {
    room: "report",
    may: [
      "ir",
      "output",
      "plan",
      "type:passes",
      "fidelity",
      "verify",
      "type:search",
      "type:run",
      "type:inspect",
      "type:compare",
    ],
    holds: "one report object → terminal, JSON, Markdown",
  },
  {
    room: "cli",
    may: [
      "ir",
      "targets",
      "onnx",
      "data",
      "runtime",
      "passes",
      "verify",
      "output",
      "plan",
      "inspect",
      "compare",
      "compress",
      "report",
    ],
    holds: "one file per command; alone may print and exit",
  },
];
