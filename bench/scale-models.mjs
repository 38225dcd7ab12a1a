/**
 * Models and data of any size for measuring how cost grows: a U-Net at a given resolution, a small network for
 * images, and archives of as many samples as wanted.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { attribute, DataType, floatTensor, makeNode, tensorValue, writeModel } from "../build/index.js";
import { mulberry32 } from "../build/numeric/mulberry32.js";
import { modelOf } from "./made-models.mjs";

/** Writes a U-Net of 7.8 million weights for images of `size` squared; returns its path. */
export function writeUnet(folder, size, { base = 32, levels = 4 } = {}) {
  const net = new Net();
  let [value, width] = ["x", 3];
  const skips = [];
  const double = (input, from, to) => net.relu(net.conv(net.relu(net.conv(input, from, to, 3)), to, to, 3));
  for (let level = 0; level < levels; level++) {
    const channels = base << level;
    value = double(value, width, channels);
    skips.push([value, channels]);
    value = net.node(
      "MaxPool",
      [value],
      [attribute.ints("kernel_shape", [2, 2]), attribute.ints("strides", [2, 2])],
    );
    width = channels;
  }
  value = double(value, width, base << levels);
  width = base << levels;
  for (const [skip, channels] of skips.reverse()) {
    const weight = net.weight([width, channels, 2, 2], width);
    const strides = [attribute.ints("kernel_shape", [2, 2]), attribute.ints("strides", [2, 2])];
    const up = net.node("ConvTranspose", [value, weight], strides);
    value = double(net.node("Concat", [up, skip], [attribute.int("axis", 1)]), 2 * channels, channels);
    width = channels;
  }
  return net.write(join(folder, `unet${size}.onnx`), net.conv(value, width, 2, 1), size);
}

/** Writes a network of three convolutions, which costs little to run; returns its path. */
export function writeSmallNet(folder, size) {
  const net = new Net();
  let value = "x";
  for (const [from, to] of [
    [3, 8],
    [8, 16],
    [16, 16],
  ])
    value = net.relu(net.conv(value, from, to, 3, 4));
  return net.write(join(folder, `small${size}.onnx`), value, size);
}

/** Writes a .npz of `count` images of smooth noise, a sample at a time; returns its path. */
export function writeImages(folder, count, size) {
  const path = join(folder, `images${size}x${count}.npz`);
  const random = mulberry32(7);
  const file = openSync(path, "w");
  const head = npyHead([count, 3, size, size]);
  const sample = new Float32Array(3 * size * size);
  const length = head.length + count * sample.byteLength;
  writeSync(file, zip64Header("x.npy", length, 0));
  writeSync(file, head);
  let checksum = crc32(head);
  for (let k = 0; k < count; k++) {
    const [fx, fy, phase] = [random() * 0.2, random() * 0.2, random() * 6];
    for (let i = 0; i < sample.length; i++)
      sample[i] =
        Math.sin(fx * (i % size) + fy * Math.floor(i / size) + phase) +
        0.2 * (((i * 2654435761) >>> 0) / 2 ** 32 - 0.5);
    writeSync(file, sample);
    checksum = crc32(sample, checksum);
  }
  const local = zip64Header("x.npy", length, checksum);
  writeSync(file, zip64Directory("x.npy", length, checksum, local.length + length));
  writeSync(file, local, 0, local.length, 0);
  closeSync(file);
  return path;
}

class Net {
  nodes = [];
  initializers = [];
  random = mulberry32(1);

  weight(dims, fanIn) {
    const name = `w${this.initializers.length}`;
    const count = dims.reduce((product, dim) => product * dim, 1);
    // Of about unit gain behind a Relu.
    const scale = Math.sqrt(24 / fanIn);
    this.initializers.push(
      floatTensor(
        name,
        dims,
        Float32Array.from({ length: count }, () => (this.random() - 0.5) * scale),
      ),
    );
    return name;
  }

  node(type, inputs, attributes = []) {
    const name = `n${this.nodes.length}`;
    this.nodes.push(makeNode(type, inputs, [name], attributes, name));
    return name;
  }

  conv(input, from, to, kernel, stride = 1) {
    const pad = kernel >> 1;
    return this.node(
      "Conv",
      [input, this.weight([to, from, kernel, kernel], from * kernel * kernel), this.weight([to], 1e6)],
      [
        attribute.ints("kernel_shape", [kernel, kernel]),
        attribute.ints("pads", [pad, pad, pad, pad]),
        attribute.ints("strides", [stride, stride]),
      ],
    );
  }

  relu(input) {
    return this.node("Relu", [input]);
  }

  write(path, output, size) {
    const { nodes, initializers } = this;
    const inputs = [tensorValue("x", DataType.FLOAT, [1, 3, size, size])];
    writeModel(
      modelOf({ nodes, initializers, inputs, outputs: [tensorValue(output, DataType.FLOAT)] }),
      path,
    );
    return path;
  }
}

function npyHead(shape) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = [0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length & 0xff, padded.length >> 8];
  return Buffer.concat([Buffer.from(prefix), Buffer.from(padded)]);
}

/** A stored member's own header. */
function zip64Header(name, length, checksum) {
  const start = fields(
    [4, 0x04034b50],
    [2, 45],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, checksum],
    [4, 0xffffffff],
    [4, 0xffffffff],
  );
  const sizes = fields([2, 1], [2, 16], [8, length], [8, length]);
  return Buffer.concat([start, fields([2, name.length], [2, 20]), Buffer.from(name), sizes]);
}

function zip64Directory(name, length, checksum, at) {
  const entry = Buffer.concat([
    fields(
      [4, 0x02014b50],
      [2, 45],
      [2, 45],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, checksum],
      [4, 0xffffffff],
      [4, 0xffffffff],
    ),
    fields([2, name.length], [2, 20], [2, 0], [2, 0], [2, 0], [4, 0], [4, 0]),
    Buffer.from(name),
    fields([2, 1], [2, 16], [8, length], [8, length]),
  ]);
  return Buffer.concat([
    entry,
    fields(
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, 1],
      [8, 1],
      [8, entry.length],
      [8, at],
    ),
    fields([4, 0x07064b50], [4, 0], [8, at + entry.length], [4, 1]),
    fields([4, 0x06054b50], [2, 0], [2, 0], [2, 1], [2, 1], [4, 0xffffffff], [4, 0xffffffff], [2, 0]),
  ]);
}

/** Little-endian numbers of the given numbers of bytes. */
function fields(...list) {
  return Buffer.concat(
    list.map(([width, value]) => {
      const bytes = Buffer.alloc(width);
      if (width === 8) bytes.writeBigUInt64LE(BigInt(value));
      else bytes.writeUIntLE(value, 0, width);
      return bytes;
    }),
  );
}
