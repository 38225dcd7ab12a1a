import { describe, expect, it } from "vitest";
import {
  attribute, DataType, floatTensor, floatToHalf, GraphEditor, integerTensor, int64Tensor, makeNode, type Node,
  type Tensor, toFloat32,
} from "../../src/ir/index.js";
import { isInOrder, viewOffsets } from "../../src/ops/strided-view.js";
import { decodedView, seenTensor, weightView } from "../../src/ops/weight-view.js";
import { Random } from "../fuzz/random.js";
import { branch, FLAG, tiny } from "../passes/graph/tiny-models.js";
import { run } from "../passes/graph/running.js";
import { randomMovers } from "./movers.js";

const ROWS = 6;
const COLUMNS = 4;
const table = (): Tensor =>
  floatTensor("w", [ROWS, COLUMNS], Float32Array.from({ length: ROWS * COLUMNS }, (_, k) => k));
const editorOf = (nodes: Node[], initializers: Tensor[]): GraphEditor =>
  GraphEditor.forMainGraph(tiny(nodes, { initializers }));

describe("a constant behind nodes that move its values", () => {
  it("is seen as onnxruntime computes it, for random chains", async () => {
    const random = new Random(7);
    let seen = 0;
    for (let round = 0; round < 60; round++) {
      const { nodes, constants, name, dims } = randomMovers(random, "n", "w", [ROWS, COLUMNS]);
      const model = tiny([...nodes, makeNode("Identity", [name], ["y"])],
        { initializers: [table(), ...constants], feed: {}, outputs: ["y"] });
      const view = weightView(GraphEditor.forMainGraph(model), name);
      // Strides cannot say every order of axes that were put together after a Transpose.
      if (!view) continue;
      seen++;
      const { y } = await run(model, {});
      expect(view.dims).toEqual([...y!.dims]);
      expect(view.dims).toEqual(dims);
      expect([...viewOffsets(view)]).toEqual([...y!.data as Float32Array]);
      expect([...toFloat32(seenTensor(view))]).toEqual([...y!.data as Float32Array]);
    }
    expect(seen).toBeGreaterThan(40);
  });

  it("is not seen where axes that lie apart become one", () => {
    const nodes = [makeNode("Transpose", ["w"], ["t"]), makeNode("Reshape", ["t", "s"], ["r"])];
    expect(weightView(editorOf(nodes, [table(), int64Tensor("s", [24])]), "r")).toBeUndefined();
    expect(isInOrder(weightView(editorOf([nodes[0]!], [table()]), "t")!)).toBe(false);
  });

  it("is seen from a body through nodes around it, and not where the body has the name itself", () => {
    const model = tiny([
      makeNode("Transpose", ["w"], ["t"]),
      makeNode("If", ["c"], ["y"],
        [branch("then_branch", [makeNode("MatMul", ["x", "t"], ["a"])]),
        branch("else_branch", [makeNode("Relu", ["x"], ["t"]), makeNode("Relu", ["t"], ["b"])])]),
    ], { feed: FLAG, initializers: [table()] });
    const [, then, otherwise] = GraphEditor.forModel(model);
    expect(weightView(then!, "t")?.dims).toEqual([COLUMNS, ROWS]);
    expect(weightView(otherwise!, "t")).toBeUndefined();
  });

  it("is seen through a Cast between floats alone, and through a shape that is a constant alone", () => {
    const half: Tensor = { name: "h", dims: [2], dataType: DataType.FLOAT16,
      raw: new Uint8Array(Uint16Array.of(floatToHalf(1), floatToHalf(2)).buffer) };
    const cast = (input: string): Node => makeNode("Cast", [input], ["y"], [attribute.int("to", DataType.FLOAT)]);
    expect(weightView(editorOf([cast("h")], [half]), "y"))
      .toMatchObject({ dataType: DataType.FLOAT, tensor: { dataType: DataType.FLOAT16 } });
    expect(weightView(editorOf([cast("i")], [integerTensor("i", [2], DataType.INT8, Int8Array.of(1, 2))]), "y"))
      .toBeUndefined();
    expect(weightView(editorOf([makeNode("Reshape", ["w", "x"], ["y"])], [table()]), "y")).toBeUndefined();
  });

  it("is seen as codes behind a Cast and a Mul with scales where that is asked for", () => {
    const nodes = [makeNode("Cast", ["q"], ["f"], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Mul", ["f", "s"], ["d"]), makeNode("Transpose", ["d"], ["t"])];
    const editor = editorOf(nodes,
      [integerTensor("q", [2, 3], DataType.INT8, new Int8Array(6)), floatTensor("s", [2, 1], Float32Array.of(1, 2))]);
    expect(weightView(editor, "t")).toBeUndefined();
    expect(decodedView(editor, "t")).toMatchObject({ dims: [3, 2], strides: [1, 3], tensor: { name: "q" } });
    expect(decodedView(editor, "q")).toBeUndefined();
  });
});
