import { describe, expect, it } from "vitest";
import * as edgec from "../src/index.js";

describe("the public API", () => {
  it("has exactly these values", () => {
    expect(Object.keys(edgec).sort()).toEqual([
      "BadDataError",
      "BadModelError",
      "DataType",
      "EXIT",
      "EdgecError",
      "GraphEditor",
      "PASSES",
      "SCHEMA_VERSION",
      "TARGETS",
      "attribute",
      "bench",
      "compress",
      "definePass",
      "diffModels",
      "floatTensor",
      "getAttribute",
      "inspect",
      "int64Tensor",
      "integerTensor",
      "isOp",
      "makeNode",
      "openDataset",
      "opsetVersion",
      "optimize",
      "readModel",
      "reportJson",
      "reportMarkdown",
      "reportText",
      "sensitivity",
      "tensorBytes",
      "tensorValue",
      "toFloat32",
      "verify",
      "writeModel",
    ]);
  });
});
