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
      "NodeSelection",
      "PASSES",
      "SCHEMA_VERSION",
      "Statistics",
      "TARGETS",
      "attribute",
      "bench",
      "compress",
      "copyModel",
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
      "parseModel",
      "printModel",
      "readModel",
      "reportJson",
      "reportMarkdown",
      "reportText",
      "selectNodes",
      "sensitivity",
      "tensorBytes",
      "tensorValue",
      "toFloat32",
      "verify",
      "writeModel",
    ]);
  });
});
