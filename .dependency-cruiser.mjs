/** What may import what. Rooms are the folders under src/; what each may import stands in scripts/rooms.mjs. */
import rooms from "./scripts/rooms.mjs";

const folder = (...names) => `^src/(${names.join("|")})/`;
const NAMES = rooms.map(({ room }) => room);

/** Two rooms that import each other are one room. A circle of more is found by "no-circles", file by file. */
for (const { room, may } of rooms) {
  const back = rooms.filter((other) => may.includes(other.room) && other.may.includes(room));
  if (back.length > 0)
    throw new Error(`scripts/rooms.mjs: ${room} and ${back[0].room} may import each other`);
}

/** A room imports itself, files directly under src/, and what it names: deny by default. */
const roomRules = rooms.flatMap(({ room, may, holds }) => {
  const values = may.filter((name) => !name.startsWith("type:"));
  const types = may.filter((name) => name.startsWith("type:")).map((name) => name.slice("type:".length));
  const rule = { severity: "error", comment: `${room}: ${holds}`, from: { path: folder(room) } };
  return [
    {
      ...rule,
      name: `${room}-imports`,
      to: { path: "^src/[^/]+/", pathNot: folder(room, ...values, ...types) },
    },
    ...(types.length === 0
      ? []
      : [
          {
            ...rule,
            name: `${room}-imports-types-only`,
            to: { path: folder(...types), dependencyTypesNot: ["type-only"] },
          },
        ]),
  ];
});

export default {
  forbidden: [
    ...roomRules,
    {
      name: "room-not-listed",
      severity: "error",
      comment: "a new folder is listed in scripts/rooms.mjs first, with what it may import",
      from: { path: "^src/[^/]+/", pathNot: folder(...NAMES) },
      to: {},
    },
    {
      name: "no-circles",
      severity: "error",
      comment: "data flows one way; files that need each other, types included, are one file or three",
      from: {},
      to: { circular: true },
    },
    {
      name: "only-index-and-entries-look-up",
      severity: "error",
      comment:
        "files directly under src/ are open to all, so they stand on nothing; index.ts is the public API",
      from: { path: "^src/[^/]+\\.ts$", pathNot: "^src/index\\.ts$" },
      to: { path: "^src/[^/]+/" },
    },
    {
      name: "nothing-imports-cli",
      severity: "error",
      comment: "only the shell prints and exits",
      from: { pathNot: folder("cli") },
      to: { path: folder("cli") },
    },
    {
      name: "nothing-imports-index",
      severity: "error",
      comment: "index.ts is for callers of the library",
      from: { path: "^src/" },
      to: { path: "^src/index\\.ts$" },
    },
    {
      name: "only-runtime-loads-onnxruntime",
      severity: "error",
      comment: "the runtime is optional and lives in a child process",
      from: { path: "^src/", pathNot: folder("runtime") },
      to: { path: "onnxruntime" },
    },
    {
      name: "only-onnx-knows-protobuf",
      severity: "error",
      comment: "the IR and the passes stay free of the file format",
      from: { path: "^src/", pathNot: folder("onnx") },
      to: { path: "protobufjs|/long/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js"] },
  },
};
