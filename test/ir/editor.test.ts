import { describe, expect, it } from "vitest";
import {
  emptyGraph,
  GraphEditor,
  makeNode,
  tensorValue,
  DataType,
  attribute,
  type Model,
  type Node,
} from "../../src/ir/index.js";
import { uniform } from "../support/seeded.js";

function modelOf(nodes: Node[], outputs: readonly string[] = []): Model {
  const graph = {
    ...emptyGraph("g"),
    nodes,
    outputs: outputs.map((name) => tensorValue(name, DataType.FLOAT, [1])),
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

const relu = (k: number): Node => makeNode("Relu", [`x${k}`], [`y${k}`]);

describe("the order of nodes", () => {
  it.each([1, 2, 3])("is that of a plain list after any edits (seed %i)", (seed) => {
    const next = uniform(seed);
    const below = (n: number): number => Math.floor(next() * n);
    const plain = Array.from({ length: 40 }, (_, k) => relu(k));
    const model = modelOf([...plain]);
    const editor = GraphEditor.forMainGraph(model);
    for (let k = 40; k < 1500; k++) {
      const at = below(plain.length);
      const anchor = plain[at]!;
      switch (below(5)) {
        case 0:
          editor.insertBefore(anchor, relu(k));
          plain.splice(at, 0, editor.producer(`y${k}`)!);
          break;
        case 1:
          editor.insertAfter(anchor, relu(k));
          plain.splice(at + 1, 0, editor.producer(`y${k}`)!);
          break;
        case 2: {
          const pair = [relu(k), relu(k + 0.5)];
          editor.replaceNode(anchor, ...pair);
          plain.splice(at, 1, ...pair);
          break;
        }
        case 3:
          if (plain.length > 5) {
            editor.removeNodes(anchor);
            plain.splice(at, 1);
          }
          break;
        // As passes do that filter or sort the list themselves.
        default:
          if (k % 100 === 0) {
            plain.reverse();
            model.graph.nodes = [...plain];
          }
      }
    }
    expect(model.graph.nodes.map(({ outputs }) => outputs[0])).toEqual(
      plain.map(({ outputs }) => outputs[0]),
    );
  });

  it("holds where thousands of nodes go to one place", () => {
    const anchor = relu(0);
    const model = modelOf([relu(-1), anchor, relu(1)]);
    const editor = GraphEditor.forMainGraph(model);
    for (let k = 2; k < 3000; k++) editor.insertBefore(anchor, relu(k));
    expect(model.graph.nodes.map(({ outputs }) => outputs[0])).toEqual([
      "y-1",
      ...Array.from({ length: 2998 }, (_, k) => `y${k + 2}`),
      "y0",
      "y1",
    ]);
  });
});

it("walks the list of nodes for one edit in many, not for each", () => {
  const model = modelOf(Array.from({ length: 2000 }, (_, k) => relu(k)));
  let walks = 0;
  const count = (list: Node[]): Node[] =>
    Object.assign(list, {
      forEach: (...args: Parameters<Node[]["forEach"]>) => {
        walks++;
        Array.prototype.forEach.apply(list, args);
      },
    });
  count(model.graph.nodes);
  for (const walk of ["indexOf", "filter", "findIndex"] as const)
    Object.assign(model.graph.nodes, { [walk]: () => expect.unreachable(`${walk} walks the list`) });
  const editor = GraphEditor.forMainGraph(model);
  for (const [k, node] of [...model.graph.nodes].entries())
    editor.replaceNode(node, makeNode("Identity", [`x${k}`], [`y${k}`]));
  expect(model.graph.nodes.every(({ opType }) => opType === "Identity")).toBe(true);
  expect(walks).toBeLessThan(5);
});

it("knows the outputs of a body whose captured value gets another name", () => {
  const body = { ...emptyGraph("body"), outputs: [tensorValue("a", DataType.FLOAT, [1])] };
  const model = modelOf(
    [makeNode("Relu", ["x"], ["a"]), makeNode("If", ["c"], ["y"], [attribute.graph("then_branch", body)])],
    ["y"],
  );
  const [outer, inner] = GraphEditor.forModel(model);
  expect(inner?.isOutput("a")).toBe(true);
  outer?.replaceUses("a", "b");
  expect([inner?.isOutput("a"), inner?.isOutput("b")]).toEqual([false, true]);
});

describe("unique names", () => {
  it("count on, past those that the model bears", () => {
    const editor = GraphEditor.forMainGraph(
      modelOf([makeNode("Relu", ["x"], ["a"]), makeNode("Relu", ["x"], ["a_2"])]),
    );
    expect([
      editor.uniqueName("a"),
      editor.uniqueName("a"),
      editor.uniqueName("b"),
      editor.uniqueName("b"),
    ]).toEqual(["a_1", "a_3", "b", "b_1"]);
  });
});
