/** Random models that fail on samples whose values are out of bounds, and data with some of them. */
import {
  attribute,
  copyNode,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Feed,
  type Model,
  type Node,
} from "../../src/ir/index.js";
import type { Random } from "../fuzz/random.js";

const WIDTH = 4;

interface LookUp {
  /** From "ids" [1, 3] and "table" [rows, 4] to "found". */
  readonly nodes: readonly Node[];
  /** The last axis of "found". */
  readonly width: number;
}

const PAIRS = makeNode("Unsqueeze", ["ids", "last"], ["pairs"]);

/** All fail in onnxruntime for ids beyond the table. */
const LOOK_UPS: readonly LookUp[] = [
  { nodes: [makeNode("Gather", ["table", "ids"], ["found"], [], "lookup")], width: WIDTH },
  { nodes: [PAIRS, makeNode("GatherND", ["table", "pairs"], ["found"], [], "lookup")], width: WIDTH },
  { nodes: [makeNode("GatherElements", ["table", "ids"], ["found"], [attribute.int("axis", 0)], "lookup")], width: 3 },
  { nodes: [PAIRS, makeNode("ScatterND", ["table", "pairs", "updates"], ["found"], [], "lookup")], width: WIDTH },
];

export interface FailingModel {
  readonly model: Model;
  /** Of the table: ids below it are fine. */
  readonly rows: number;
}

export function failingModel(random: Random): FailingModel {
  const rows = random.within(5, 30);
  const { nodes, width } = random.pick(LOOK_UPS);
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const constants = [
    floatTensor("table", [rows, WIDTH], random.floats(rows * WIDTH, 1)),
    int64Tensor("last", [-1]),
    floatTensor("updates", [1, 3, WIDTH], random.floats(3 * WIDTH, 1)),
  ];
  const graph = {
    ...emptyGraph("lookup"),
    nodes: [...nodes.map(copyNode), makeNode("MatMul", ["found", "w"], ["y"], [], "dense")],
    initializers: [
      ...constants.filter(({ name }) => used.has(name ?? "")),
      floatTensor("w", [width, 300], random.floats(width * 300, 1)),
    ],
    inputs: [tensorValue("ids", DataType.INT64, [1, 3])],
    outputs: [tensorValue("y", DataType.FLOAT)],
  };
  return {
    model: {
      irVersion: 8n,
      opsetImports: [{ domain: "", version: 17n }],
      graph,
      functions: [],
      trainingInfo: [],
      deviceConfigurations: [],
    },
    rows,
  };
}

/** One sample; with an id beyond the table where `isBad`. */
export function idsFeed(random: Random, rows: number, isBad: boolean): Feed {
  const ids = Array.from({ length: 3 }, () => random.below(rows));
  if (isBad) ids[random.below(3)] = rows + random.below(1000);
  return { ids: { dataType: DataType.INT64, dims: [1, 3], data: BigInt64Array.from(ids, BigInt) } };
}
