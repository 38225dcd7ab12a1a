import { createRequire } from "node:module";
import type * as OnnxProto from "onnx-proto";
import { expect, it } from "vitest";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { Random } from "../fuzz/random.js";
import { bytes, int, node, varint } from "./wire-bytes.js";

const { onnx } = createRequire(import.meta.url)("onnx-proto") as typeof OnnxProto;

/** Random messages of every kind of field: texts, bytes, numbers, lists packed or not, and messages in messages. */
class Messages {
  constructor(private readonly random: Random) {}

  model(): OnnxProto.onnx.IModelProto {
    return {
      irVersion: this.random.below(10),
      producerName: this.text(),
      opsetImport: [{ domain: this.text(), version: this.random.within(1, 2 ** 31) }],
      metadataProps: this.list(() => ({ key: this.text(), value: this.text() })),
      graph: this.graph(0),
    };
  }

  private graph(depth: number): OnnxProto.onnx.IGraphProto {
    return {
      name: this.text(),
      node: this.list(() => ({
        opType: this.text(),
        name: this.text(),
        // No output has such a name: nodes that were out of order would be sorted.
        input: this.list(() => `in/${this.text()}`),
        output: this.list(() => this.text()),
        attribute: this.list(() => this.attribute(depth)),
      })),
      initializer: this.list(() => this.tensor()),
      input: this.list(() => ({
        name: this.text(),
        type: {
          tensorType: {
            elemType: this.random.within(1, 16),
            shape: {
              dim: this.list(() =>
                this.random.chance(0.5) ? { dimValue: this.random.below(1e6) } : { dimParam: this.text() },
              ),
            },
          },
        },
      })),
      docString: this.text(),
    };
  }

  private attribute(depth: number): OnnxProto.onnx.IAttributeProto {
    const { random } = this;
    const base = { name: this.text(), docString: this.text() };
    const types = onnx.AttributeProto.AttributeType;
    return random.pick<() => OnnxProto.onnx.IAttributeProto>([
      () => ({ ...base, type: types.FLOAT, f: random.floats(1, 9)[0]! }),
      () => ({ ...base, type: types.INT, i: -random.below(2 ** 31) }),
      () => ({ ...base, type: types.STRING, s: this.bytes() }),
      () => ({ ...base, type: types.FLOATS, floats: [...random.floats(random.below(5), 9)] }),
      () => ({ ...base, type: types.INTS, ints: this.list(() => random.below(1e9) - 5e8) }),
      () => ({ ...base, type: types.STRINGS, strings: this.list(() => this.bytes()) }),
      () => ({ ...base, type: types.TENSOR, t: this.tensor() }),
      () => (depth < 3 ? { ...base, type: types.GRAPH, g: this.graph(depth + 1) } : { ...base, type: types.INT, i: 0 }),
    ])();
  }

  private tensor(): OnnxProto.onnx.ITensorProto {
    const { random } = this;
    const count = random.below(6);
    const base = { name: this.text(), dims: [count] };
    const { FLOAT, INT64, DOUBLE } = onnx.TensorProto.DataType;
    return random.pick<() => OnnxProto.onnx.ITensorProto>([
      () => ({ ...base, dataType: FLOAT, floatData: [...random.floats(count, 1)] }),
      () => ({
        ...base,
        dataType: INT64,
        int64Data: Array.from({ length: count }, () => random.below(2 ** 40) - 2 ** 39),
      }),
      () => ({ ...base, dataType: DOUBLE, doubleData: [...random.floats(count, 1)] }),
      () => ({ ...base, dataType: FLOAT, rawData: new Uint8Array(random.floats(count, 1).buffer) }),
    ])();
  }

  private list<T>(make: () => T): T[] {
    return Array.from({ length: this.random.below(4) }, make);
  }

  private bytes(): Uint8Array {
    return Uint8Array.from({ length: this.random.below(9) }, () => this.random.below(256));
  }

  private text(): string {
    return this.random.pick(["y", "x", "conv.weight", "größe", "数", "a".repeat(300)]);
  }
}

it("reads what another implementation wrote and writes what it reads the same, over random messages", () => {
  const plain = (bytes: Uint8Array): unknown =>
    onnx.ModelProto.toObject(onnx.ModelProto.decode(bytes), { longs: String, bytes: String });
  for (let seed = 0; seed < 150; seed++) {
    const theirs = onnx.ModelProto.encode(new Messages(new Random(seed)).model()).finish();
    const ours = encodeModelBytes(decodeModel(Uint8Array.from(theirs)));
    expect(plain(ours), `seed ${seed}`).toEqual(plain(theirs));
    // The other implementation packs lists that ONNX does not, so bytes are compared from here on.
    expect(Buffer.compare(encodeModelBytes(decodeModel(ours)), ours)).toBe(0);
  }
});

it("takes lists of numbers packed, as proto3 writes them, and keeps a field of another wire type as it is", () => {
  const packed = bytes(
    5,
    bytes(1, "axes"),
    bytes(8, varint(3), varint(-1), varint(2n ** 40n)),
    bytes(7, Buffer.from(Float32Array.of(0.5, -2).buffer)),
    int(20, 7),
  );
  const odd = bytes(5, int(1, 5), int(20, 2));
  const { graph } = decodeModel(Buffer.concat([int(1, 8), bytes(7, node("Squeeze", ["x"], ["y"], packed, odd))]));
  const [axes, other] = graph.nodes[0]!.attributes;
  expect(axes).toMatchObject({ name: "axes", ints: [3n, -1n, 2n ** 40n], floats: [0.5, -2] });
  expect(other?.unknownFields?.map((each) => Buffer.from(each))).toEqual([int(1, 5)]);
});
