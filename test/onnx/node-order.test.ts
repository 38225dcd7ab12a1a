/** Files whose nodes are out of order, as onnxruntime takes them. Values come from its run of the file as it is. */
import { describe, expect, it } from "vitest";
import {
  attribute,
  copyModel,
  DataType,
  emptyGraph,
  makeNode,
  nodeLists,
  tensorValue,
  validateModel,
  type FunctionDef,
  type Model,
  type Node,
} from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { generateModel } from "../fuzz/generate.js";
import { Random } from "../fuzz/random.js";
import { difference, floats, run } from "../passes/graph/running.js";
import { branch, FLAG, tiny, X } from "../passes/graph/tiny-models.js";

/** The same model with every list of nodes in a random order. */
function shuffled(model: Model, random: Random): Model {
  const copy = copyModel(model);
  for (const scope of nodeLists(copy)) scope.nodes = random.shuffled(scope.nodes);
  return copy;
}

const labels = ({ graph }: Model): string[] => graph.nodes.map(({ outputs }) => outputs[0] ?? "");
const relu = (from: string, to: string): Node => makeNode("Relu", [from], [to]);

describe("nodes out of order", () => {
  it.each(Array.from({ length: 40 }, (_, k) => k + 1))(
    "are sorted in every scope on reading (seed %i)",
    async (seed) => {
      const { model, feed } = generateModel(seed);
      const original = decodeModel(encodeModelBytes(model));
      const bytes = encodeModelBytes(shuffled(original, new Random(seed)));
      const sorted = decodeModel(bytes);
      expect(validateModel(sorted)).toEqual([]);
      // onnxruntime refuses some branches of If in half precision.
      const expected = await run(original, feed).catch(() => undefined);
      if (expected) expect(difference(expected, await run(sorted, feed))).toBe(0);
      // Sorted once, it stays as it is.
      expect(Buffer.compare(encodeModelBytes(decodeModel(encodeModelBytes(sorted))), encodeModelBytes(sorted))).toBe(0);
    },
  );

  it("move no further than to the first node that needs them", () => {
    const model = tiny([relu("x", "a"), relu("c", "d"), relu("a", "b"), relu("b", "c"), relu("d", "y")]);
    expect(labels(decodeModel(encodeModelBytes(model)))).toEqual(["a", "b", "c", "d", "y"]);
  });

  it("are seen through what bodies capture, and sorted in bodies", async () => {
    const body = [makeNode("Add", ["late", "late2"], ["t"]), relu("late", "late2")];
    const nodes = [
      makeNode("If", ["c"], ["y"], [branch("then_branch", body, [], "t"), branch("else_branch", [relu("x", "e")])]),
      makeNode("Neg", ["x"], ["late"]),
    ];
    const model = tiny(nodes, { feed: { ...X, ...FLAG }, outputs: ["y"] });
    const sorted = decodeModel(encodeModelBytes(model));
    expect(labels(sorted)).toEqual(["late", "y"]);
    const { y } = await run(sorted, { x: floats([2, 3], [-1, 2, -3, 4, -5, 6]), ...FLAG });
    expect([...(y?.data ?? [])]).toEqual([2, -2, 6, -4, 10, -6]);
  });

  it("are sorted in functions", async () => {
    const fn: FunctionDef = {
      name: "F",
      domain: "own",
      inputs: ["p"],
      outputs: ["q"],
      attributeNames: [],
      attributeDefaults: [],
      valueInfo: [],
      opsetImports: [{ domain: "", version: 17n }],
      nodes: [relu("n", "q"), makeNode("Neg", ["p"], ["n"])],
    };
    const model = {
      ...tiny([{ ...makeNode("F", ["x"], ["y"]), domain: "own" }]),
      functions: [fn],
      opsetImports: [
        { domain: "", version: 17n },
        { domain: "own", version: 1n },
      ],
    };
    const sorted = decodeModel(encodeModelBytes(model));
    expect(validateModel(sorted)).toEqual([]);
    expect([...((await run(sorted, { x: floats([2, 3], [-1, 2, -3, 4, -5, 6]) })).y?.data ?? [])]).toEqual([
      1, 0, 3, 0, 5, 0,
    ]);
  });

  it("may be chains of any length, backwards", () => {
    const length = 50_000;
    const chain = Array.from({ length }, (_, k) => relu(k === 0 ? "x" : `v${k}`, `v${k + 1}`)).reverse();
    const sorted = decodeModel(encodeModelBytes(tiny(chain, { outputs: [`v${length}`] })));
    expect(labels(sorted)).toEqual(Array.from({ length }, (_, k) => `v${k + 1}`));
  });
});

describe("nodes in order", () => {
  it("keep the file's order, though others would be right as well", () => {
    const model = tiny([relu("x", "b"), relu("x", "a"), relu("a", "d"), relu("b", "c")], { outputs: ["c", "d"] });
    expect(labels(decodeModel(encodeModelBytes(model)))).toEqual(["b", "a", "d", "c"]);
    expect(Buffer.compare(encodeModelBytes(decodeModel(encodeModelBytes(model))), encodeModelBytes(model))).toBe(0);
  });
});

describe("cycles", () => {
  const problems = (nodes: Node[]): string[] =>
    validateModel(decodeModel(encodeModelBytes(tiny(nodes, { outputs: ["y"] })))).map(({ message }) => message);

  it("are refused by the names of their nodes, wherever they stand", () => {
    const nodes = [
      relu("x", "in"),
      makeNode("Add", ["in", "c"], ["a"], [], "first"),
      relu("a", "b"),
      relu("b", "c"),
      relu("c", "y"),
    ];
    for (const seed of [1, 2, 3]) {
      const [only, ...others] = problems(new Random(seed).shuffled(nodes));
      expect(others).toEqual([]);
      expect(only).toMatch(/^3 nodes form a cycle/);
      for (const name of ['"first" (Add)', '"b" (Relu)', '"c" (Relu)']) expect(only).toContain(name);
      expect(only).not.toContain('"y"');
    }
  });

  it("may go through a body, or be one node", () => {
    const body = attribute.graph("then_branch", {
      ...emptyGraph("t"),
      nodes: [relu("b", "t")],
      outputs: [tensorValue("t", DataType.FLOAT)],
    });
    const other = attribute.graph("else_branch", {
      ...emptyGraph("e"),
      nodes: [relu("x", "e")],
      outputs: [tensorValue("e", DataType.FLOAT)],
    });
    expect(problems([makeNode("If", ["x"], ["a"], [body, other]), relu("a", "b"), relu("b", "y")])[0]).toMatch(
      /^2 nodes form a cycle.*"a" \(If\).*"b" \(Relu\)|"b" \(Relu\).*"a" \(If\)/,
    );
    expect(problems([makeNode("Add", ["x", "y"], ["y"])])).toEqual([
      'node "y" (Add) uses its own output, so it can never be computed',
    ]);
  });

  it("name a few of many nodes", () => {
    const ring = Array.from({ length: 1000 }, (_, k) => relu(`v${k}`, `v${(k + 1) % 1000}`));
    const [message = ""] = problems([...ring, relu("v0", "y")]);
    expect(message).toContain("and 992 more");
    expect(message.length).toBeLessThan(400);
  });
});
