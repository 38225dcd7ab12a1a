/**
 * Which layers share channels: regions of a graph in which a change of one channel, such as a factor that moves
 * from the producers of values to their readers, concerns all members alike:
 *
 *   Conv → Relu → MaxPool → Conv          Conv → Relu ─┬─▶ Conv → Conv ─▶ Add → Relu → Conv
 *                                                      └──────────────────┘
 *
 * A region contains all values that must be scaled together: those of all readers and, at a join, of all
 * operands. Its edges are sources, whose outputs can be scaled, and sinks, whose weights absorb the inverse.
 * Any other edge rules the region out.
 */
import {
  type GraphEditor,
  intAttribute,
  isOp,
  type Node,
  nodeLabel,
  subgraphsOf,
  type Tensor,
} from "../ir/index.js";
import type { TypeMap } from "../ops/shapes.js";
import { type LinearLayer, linearLayer } from "./linear-layer.js";
import { type ChannelPlace, isJoin, keepsPlace, placeBehind, whyNotThrough } from "./channel-steps.js";

/** A producer that can scale the channels of its value. */
export interface ChannelSource {
  readonly output: string;
  readonly channels: number;
  readonly place: ChannelPlace;
}

export interface ChannelRegion<Source> {
  readonly channels: number;
  readonly sources: readonly Source[];
  readonly sinks: readonly LinearLayer[];
  /** The values of the region, in the order of discovery. */
  readonly places: ReadonlyMap<string, ChannelPlace>;
}

/** Finds the source that produces the value, if there is one; returns a reason if it must not be changed. */
type SourceOf<Source> = (value: string) => Source | string | undefined;

export class RegionFinder<Source extends ChannelSource> {
  /** Values whose region could not be completed, with the reason, which applies to all values of that region. */
  private readonly obstacles = new Map<string, string>();

  constructor(
    private readonly editor: GraphEditor,
    private readonly types: TypeMap | undefined,
    private readonly layers: LayerIndex,
    private readonly sourceOf: SourceOf<Source>,
  ) {}

  /** The region of a source's output, or the reason if there is none. */
  find(source: Source): ChannelRegion<Source> | string {
    const growth = new Growth(source, this.editor, this.types, this.layers, this.sourceOf, this.obstacles);
    const obstacle = growth.run();
    if (obstacle === undefined) return growth;
    for (const value of growth.places.keys()) this.obstacles.set(value, obstacle);
    return obstacle;
  }
}

class Growth<Source extends ChannelSource> implements ChannelRegion<Source> {
  readonly sources: Source[] = [];
  readonly sinks: LinearLayer[] = [];
  readonly places = new Map<string, ChannelPlace>();
  readonly channels: number;
  private readonly waiting: string[] = [];
  /** Nodes crossed from input to output whose output has its channels in another position. */
  private readonly passed = new Set<Node>();

  constructor(
    start: Source,
    private readonly editor: GraphEditor,
    private readonly types: TypeMap | undefined,
    private readonly layers: LayerIndex,
    private readonly sourceOf: SourceOf<Source>,
    private readonly known: ReadonlyMap<string, string>,
  ) {
    this.channels = start.channels;
    this.take(start.output, start.place);
  }

  /** Grows the region to its edges. Returns the reason if it cannot be completed. */
  run(): string | undefined {
    for (let value = this.waiting.pop(); value !== undefined; value = this.waiting.pop()) {
      const place = this.places.get(value)!;
      const obstacle =
        this.known.get(value) ??
        (this.editor.isOutput(value) ? "one of its values is a graph output" : undefined) ??
        this.growBack(value, place) ??
        this.growOn(value, place);
      if (obstacle !== undefined) return obstacle;
    }
    return this.sinks.length === 0 ? "no layer after it can absorb the factors" : undefined;
  }

  private take(value: string, place: ChannelPlace): string | undefined {
    const known = this.places.get(value);
    if (known)
      return isSame(known, place) ? undefined : `the channels of "${value}" are on two different axes`;
    this.places.set(value, place);
    this.waiting.push(value);
    return undefined;
  }

  /** Visits the producer of the value: a source, or an operator whose operands must be scaled too. */
  private growBack(value: string, place: ChannelPlace): string | undefined {
    const source = this.sourceOf(value);
    if (typeof source === "string") return source;
    if (source) {
      const fits = source.channels === this.channels && isSame(source.place, place);
      if (fits) this.sources.push(source);
      return fits ? undefined : `the channels of "${value}" do not match`;
    }
    const maker = this.editor.producer(value);
    if (!maker) return `"${value}" does not come from a layer`;
    if (this.passed.has(maker)) return undefined;
    if (!keepsPlace(maker, this.editor)) return this.reason(maker);
    return this.takeAll(isJoin(maker) ? maker.inputs : maker.inputs.slice(0, 1), maker, place);
  }

  private takeAll(operands: readonly string[], node: Node, place: ChannelPlace): string | undefined {
    for (const operand of operands) {
      const through = placeBehind(node, operand, place, this.channels, this.editor, this.types);
      const obstacle = through && isSame(through, place) ? this.take(operand, place) : this.reason(node);
      if (obstacle !== undefined) return obstacle;
    }
    return undefined;
  }

  /** Visits all readers of the value: sinks, and operators that factors pass through. */
  private growOn(value: string, place: ChannelPlace): string | undefined {
    for (const reader of this.editor.consumers(value)) {
      const layer = this.layers.get(reader);
      const obstacle =
        layer?.node.inputs[0] === value ? this.end(layer, value, place) : this.pass(reader, value, place);
      if (obstacle !== undefined) return obstacle;
    }
    return undefined;
  }

  private end(layer: LinearLayer, value: string, place: ChannelPlace): string | undefined {
    const obstacle = this.layers.obstacle(layer);
    if (obstacle !== undefined) return obstacle;
    const isImage = isOp(layer.node, "Conv", "ConvTranspose");
    const atPlace = isImage ? place.axis === 1 && place.rank === layer.weight.dims.length : place.axis === -1;
    const fits = place.flattened ? layer.inputs % this.channels === 0 : layer.inputs === this.channels;
    if (
      !atPlace ||
      !fits ||
      layer.node.inputs.slice(1).includes(value) ||
      intAttribute(layer.node, "transA", 0) !== 0
    )
      return this.reason(layer.node);
    this.sinks.push(layer);
    return undefined;
  }

  private pass(reader: Node, value: string, place: ChannelPlace): string | undefined {
    const behind =
      subgraphsOf(reader).length > 0
        ? undefined
        : placeBehind(reader, value, place, this.channels, this.editor, this.types);
    if (!behind) return this.reason(reader);
    this.passed.add(reader);
    // The other operands of a join are scaled in the same way.
    const operands = isJoin(reader) ? this.takeAll(reader.inputs, reader, place) : undefined;
    return operands ?? this.take(reader.outputs[0] ?? "", behind);
  }

  private reason(node: Node): string {
    return whyNotThrough(node, nodeLabel(node));
  }
}

function isSame(a: ChannelPlace, b: ChannelPlace): boolean {
  return a.axis === b.axis && a.flattened === b.flattened && (a.axis === -1 || a.rank === b.rank);
}

/** The linear layers of one graph, each read once. */
export class LayerIndex {
  private readonly byNode = new Map<Node, LinearLayer>();
  private readonly byOutput = new Map<string, LinearLayer>();
  private readonly own: ReadonlySet<Tensor>;

  constructor(
    private readonly editor: GraphEditor,
    types: TypeMap | undefined,
  ) {
    this.own = new Set(editor.graph.initializers);
    for (const node of editor.graph.nodes) {
      const layer = linearLayer(node, editor, types?.get(node.outputs[0] ?? "")?.shape?.length);
      if (!layer || !isRegular(layer)) continue;
      this.byNode.set(node, layer);
      this.byOutput.set(layer.last.outputs[0] ?? "", layer);
    }
  }

  get(node: Node): LinearLayer | undefined {
    return this.byNode.get(node);
  }

  /** The layer that produces the value, including its bias. */
  making(value: string): LinearLayer | undefined {
    return this.byOutput.get(value);
  }

  all(): IterableIterator<LinearLayer> {
    return this.byNode.values();
  }

  /** The reason if the layer's weight must not be changed. Another use would need a copy of it. */
  obstacle({ node, weight }: LinearLayer): string | undefined {
    const name = weight.name ?? "";
    const isOwn = this.own.has(weight) && this.editor.soleConsumer(name) === node;
    return isOwn ? undefined : `the weight "${name}" has other uses`;
  }
}

function isRegular({ inputs, outputs, groups }: LinearLayer): boolean {
  return Number.isInteger(groups) && inputs % groups === 0 && outputs % groups === 0;
}
