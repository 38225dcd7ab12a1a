/** Which layers share channels, in random networks whose answer the generator knows, and in single cases. */
import { describe, expect, it } from "vitest";
import { attribute, floatTensor, GraphEditor, makeNode, type Node, type Tensor } from "../../src/ir/index.js";
import {
  LayerIndex,
  RegionFinder,
  type ChannelRegion,
  type ChannelSource,
} from "../../src/layers/channel-regions.js";
import { inferScopes } from "../../src/ops/shapes.js";
import { Random } from "../support/random.js";
import { floats } from "../support/running.js";
import { tiny } from "../support/tiny-models.js";

const FEED = { x: floats([1, 3, 4, 4]) };

interface Network {
  readonly nodes: Node[];
  readonly weights: Tensor[];
  readonly outputs: string[];
}

interface Members {
  readonly sources: string[];
  readonly sinks: string[];
}

/** A value of a random network; values that share channels have the same class, a number. */
interface Value {
  readonly name: string;
  readonly channels: number;
  readonly class: number;
}

/** Builds a network of Conv, Relu, MaxPool and Add, and keeps account of what each class of channels has. */
class RandomNetwork implements Network {
  readonly nodes: Node[] = [];
  readonly weights: Tensor[] = [];
  readonly outputs: string[] = [];
  private readonly values: Value[] = [{ name: "x", channels: 3, class: 0 }];
  /** The class that a class was joined to. */
  private readonly joined: number[] = [0];
  private readonly makes: [string, number][] = [];
  private readonly reads: [string, number][] = [];
  private readonly fixed = new Set([0]);

  constructor(private readonly random: Random) {
    for (let step = random.within(4, 14); step > 0; step--) this.grow();
    for (const value of this.values.filter(
      ({ name }) => !this.nodes.some(({ inputs }) => inputs.includes(name)),
    )) {
      const last = this.convolve(value);
      this.outputs.push(last.name);
      this.fixed.add(last.class);
    }
  }

  /** The members of every class that no input or output of the model holds, each list in order. */
  expected(): Members[] {
    const fixed = new Set([...this.fixed].map((own) => this.root(own)));
    const roots = new Set(this.joined.map((_, own) => this.root(own)).filter((root) => !fixed.has(root)));
    const of = (pairs: [string, number][], root: number): string[] =>
      pairs.flatMap(([name, own]) => (this.root(own) === root ? [name] : [])).sort();
    return [...roots].map((root) => ({ sources: of(this.makes, root), sinks: of(this.reads, root) }));
  }

  private grow(): void {
    const value = this.random.pick(this.values);
    const partners = this.values.filter(({ channels }) => channels === value.channels);
    const kind = this.random.pick(["Conv", "Conv", "Relu", "MaxPool", "Add"]);
    if (kind === "Conv") this.values.push(this.convolve(value));
    else if (kind === "Add") this.add(value, this.random.pick(partners));
    else
      this.same(
        makeNode(
          kind,
          [value.name],
          [this.fresh()],
          kind === "Relu" ? [] : [attribute.ints("kernel_shape", [1, 1])],
        ),
        value,
      );
  }

  private convolve(value: Value): Value {
    const made = { name: this.fresh(), channels: this.random.pick([2, 4]), class: this.joined.length };
    this.joined.push(made.class);
    this.weights.push(
      floatTensor(
        `w${made.name}`,
        [made.channels, value.channels, 1, 1],
        new Float32Array(made.channels * value.channels),
      ),
    );
    this.nodes.push(makeNode("Conv", [value.name, `w${made.name}`], [made.name], [], made.name));
    this.makes.push([made.name, made.class]);
    this.reads.push([made.name, value.class]);
    return made;
  }

  private add(a: Value, b: Value): void {
    this.joined[this.root(b.class)] = this.root(a.class);
    this.same(makeNode("Add", [a.name, b.name], [this.fresh()]), a);
  }

  private same(node: Node, value: Value): void {
    this.nodes.push(node);
    this.values.push({ ...value, name: node.outputs[0]! });
  }

  private root(own: number): number {
    const above = this.joined[own]!;
    return above === own ? own : this.root(above);
  }

  private fresh(): string {
    return `v${this.nodes.length}`;
  }
}

type Found = ChannelRegion<ChannelSource & { readonly name: string }> | string;

/** What the finder says of the layer of each name. */
function regionsOf({ nodes, weights, outputs }: Network): Map<string, Found> {
  const model = tiny(nodes, { feed: FEED, initializers: weights, outputs });
  const editors = GraphEditor.forModel(model);
  const [editor] = editors;
  const types = inferScopes(editors).get(editor!);
  const layers = new LayerIndex(editor!, types);
  const sourceOf = (output: string) => {
    const layer = layers.making(output);
    const place = { axis: 1, rank: 4, flattened: false } as const;
    return layer && { name: layer.node.name!, output, channels: layer.outputs, place };
  };
  const finder = new RegionFinder(editor!, types, layers, sourceOf);
  return new Map([...layers.all()].map(({ node }) => [node.name!, finder.find(sourceOf(node.outputs[0]!)!)]));
}

const membersOf = ({ sources, sinks }: Exclude<Found, string>): Members => ({
  sources: sources.map(({ name }) => name).sort(),
  sinks: sinks.map(({ node }) => node.name!).sort(),
});
const inOrder = (all: Members[]): string[] =>
  [...new Set(all.map((members) => JSON.stringify(members)))].sort();

const conv = (name: string, from: string): Node => makeNode("Conv", [from, `w${name}`], [name], [], name);
const square = (name: string): Tensor => floatTensor(`w${name}`, [3, 3, 1, 1], new Float32Array(9));

describe("RegionFinder", () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))("finds all that share channels, seed %i", (seed) => {
    const network = new RandomNetwork(new Random(seed));
    const found = [...regionsOf(network).values()].filter((region) => typeof region !== "string");
    expect(inOrder(found.map(membersOf))).toEqual(inOrder(network.expected()));
  });

  it.each<[string, Node[], string]>([
    [
      "a value that is a graph output",
      [conv("a", "x"), conv("b", "a")],
      "one of its values is a graph output",
    ],
    [
      "an operator that mixes scales",
      [conv("a", "x"), makeNode("Sigmoid", ["a"], ["s"], [], "s"), conv("b", "s")],
      'Sigmoid "s" does not commute',
    ],
    [
      "a sum with the model's input",
      [conv("a", "x"), makeNode("Add", ["a", "x"], ["s"], [], "s"), conv("b", "s")],
      '"x" does not come from a layer',
    ],
  ])("says why not for %s", (_, nodes, reason) => {
    const outputs = reason.includes("graph output") ? ["a", "b"] : ["b"];
    expect(regionsOf({ nodes, weights: [square("a"), square("b")], outputs }).get("a")).toContain(reason);
  });

  it("counts a run of columns for each channel behind a Flatten", () => {
    const nodes = [
      conv("a", "x"),
      makeNode("Flatten", ["a"], ["f"]),
      makeNode("Gemm", ["f", "wg"], ["g"], [], "g"),
    ];
    const weights = [square("a"), floatTensor("wg", [48, 2], new Float32Array(96))];
    const region = regionsOf({ nodes, weights, outputs: ["g"] }).get("a");
    expect(region).toMatchObject({ channels: 3, sinks: [{ node: { name: "g" }, inputs: 48 }] });
    expect(typeof region === "string" ? undefined : region?.places.get("f")?.flattened).toBe(true);
  });
});
