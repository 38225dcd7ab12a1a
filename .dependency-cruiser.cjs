/** Which room may import which, with the reason. Rooms are the folders under src/. */
const rooms = (...names) => `^src/(${names.join("|")})/`;

/** A rule that lets the room import only itself, the root's contracts, and the rooms named. */
const only = (room, allowed, comment) => ({
  name: `${room}-imports`,
  severity: "error",
  comment,
  from: { path: rooms(room) },
  to: { path: "^src/[^/]+/", pathNot: rooms(room, ...allowed) },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", comment: "data flows one way; a cycle means that two rooms are one", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    only("ir", [], "the model in memory stands on nothing: it holds no protobuf and no runtime"),
    only("numeric", [], "mathematics on typed arrays is testable alone"),
    only("threads", ["numeric"], "runs functions of other rooms by their module's address and knows none of them"),
    only("ops", ["ir"], "facts about operators need only the model"),
    only("onnx", ["ir"], "bytes <-> IR; the only room that knows protobuf"),
    only("data", ["ir", "onnx"], "datasets give feeds and know nothing of what is done with them"),
    only("runtime", ["ir", "onnx"], "sessions and processes; knows no pass"),
    only("calibration", ["runtime", "ir", "numeric", "data", "onnx", "threads"], "runs a model over data and reduces to statistics"),
    only("passes", ["ir", "ops", "numeric"], "a pass changes a model; it never runs one, so its tests need no runtime"),
    only("verify", ["runtime", "data", "numeric", "ir", "onnx"], "compares two files; knows no pass"),
    only("targets", ["ir", "ops"], "device profiles are data"),
    only("report", ["verify", "passes", "ir", "pipeline"], "one object to text"),
    { name: "nothing-imports-cli", severity: "error", comment: "only the shell prints and exits", from: { pathNot: rooms("cli") }, to: { path: rooms("cli") } },
    { name: "only-runtime-loads-onnxruntime", severity: "error", comment: "the runtime is optional and lives in a child process", from: { path: "^src/", pathNot: rooms("runtime") }, to: { path: "onnxruntime" } },
    { name: "only-onnx-knows-protobuf", severity: "error", comment: "the IR and the passes stay free of the file format", from: { path: "^src/", pathNot: rooms("onnx") }, to: { path: "protobufjs|/long/" } },
  ],
  options: { doNotFollow: { path: "node_modules" }, tsPreCompilationDeps: true, tsConfig: { fileName: "tsconfig.json" }, enhancedResolveOptions: { extensions: [".ts", ".js"] } },
};
