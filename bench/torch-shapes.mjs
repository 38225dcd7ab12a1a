/**
 * Networks in the shapes of torchvision's with random weights, for benches of time and memory: what they
 * compute means nothing, but their layers are as large as real ones and their activations stay in range.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  tensorValue,
  writeModel,
} from "../build/index.js";
import { mulberry32 } from "../build/numeric/mulberry32.js";
import { modelOf, npyBytes } from "./made-models.mjs";

const SIZE = 224;

/**
 * Files of "resnet18", "resnet50", "vit_b_16", "vit_l_16", "vit_l_40" (the same with 40 layers) or "dense<width>"
 * (four square layers), and so many samples; none with 0.
 */
export function writeTorchShape(folder, name, samples) {
  const files = { model: join(folder, `${name}.onnx`), calib: join(folder, `${name}-${samples}.npy`) };
  const graph = new Builder();
  const width = Number(/^dense(\d+)$/.exec(name)?.[1]);
  const shape = width ? [1, 64, width] : [1, 3, SIZE, SIZE];
  const output = width ? dense(graph, width) : name in VITS ? vit(graph, VITS[name]) : resnet(graph, name);
  const value = (name, dims) => tensorValue(name, DataType.FLOAT, dims);
  writeModel(
    modelOf({
      nodes: graph.nodes,
      initializers: graph.initializers,
      inputs: [value("x", shape)],
      outputs: [value(output, width ? shape : [1, 1000])],
    }),
    files.model,
    { externalData: name === "vit_l_40" },
  );
  if (samples === 0) return files;
  const [, ...rest] = shape;
  writeFileSync(
    files.calib,
    npyBytes([samples, ...rest], graph.noise(samples * rest.reduce((a, b) => a * b), 1)),
  );
  return files;
}

class Builder {
  nodes = [];
  initializers = [];
  random = mulberry32(7);

  /** Values of a standard deviation, even ones. */
  noise(count, deviation) {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = (this.random() - 0.5) * Math.sqrt(12) * deviation;
    return values;
  }

  node(type, inputs, attributes = []) {
    const output = `v${this.nodes.length}`;
    this.nodes.push(makeNode(type, inputs, [output], attributes, `${type}_${this.nodes.length}`));
    return output;
  }

  weight(dims, deviation) {
    const name = `w${this.initializers.length}`;
    this.initializers.push(
      floatTensor(
        name,
        dims,
        this.noise(
          dims.reduce((a, b) => a * b, 1),
          deviation,
        ),
      ),
    );
    return name;
  }

  integers(...values) {
    const name = `i${this.initializers.length}`;
    const data = BigInt64Array.from(values, BigInt);
    this.initializers.push(integerTensor(name, [values.length], DataType.INT64, data));
    return name;
  }

  conv(x, inputs, outputs, kernel, stride = 1, gain = 2) {
    const weight = this.weight([outputs, inputs, kernel, kernel], Math.sqrt(gain / (inputs * kernel ** 2)));
    const pad = (kernel - 1) >> 1;
    return this.node(
      "Conv",
      [x, weight, this.weight([outputs], 0.1)],
      [attribute.ints("strides", [stride, stride]), attribute.ints("pads", [pad, pad, pad, pad])],
    );
  }

  linear(x, inputs, outputs, gain = 1) {
    const product = this.node("MatMul", [x, this.weight([inputs, outputs], Math.sqrt(gain / inputs))]);
    return this.node("Add", [product, this.weight([outputs], 0.1)]);
  }

  norm(x, width) {
    const ones = `w${this.initializers.length}`;
    this.initializers.push(floatTensor(ones, [width], new Float32Array(width).fill(1)));
    return this.node("LayerNormalization", [x, ones, this.weight([width], 0.1)], [attribute.int("axis", -1)]);
  }
}

function dense(graph, width) {
  let x = "x";
  for (let layer = 0; layer < 4; layer++)
    x = graph.node("Relu", [graph.node("MatMul", [x, graph.weight([width, width], Math.sqrt(2 / width))])]);
  return x;
}

function resnet(graph, name) {
  const relu = (x) => graph.node("Relu", [x]);
  const wide = name === "resnet50";
  const pool = [attribute.ints("kernel_shape", [3, 3]), attribute.ints("strides", [2, 2])];
  let x = relu(graph.conv("x", 3, 64, 7, 2));
  x = graph.node("MaxPool", [x], [...pool, attribute.ints("pads", [1, 1, 1, 1])]);
  let channels = 64;
  for (const [stage, blocks] of (wide ? [3, 4, 6, 3] : [2, 2, 2, 2]).entries()) {
    const width = 64 << stage;
    const outputs = wide ? 4 * width : width;
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const inner = wide
        ? graph.conv(
            relu(graph.conv(relu(graph.conv(x, channels, width, 1)), width, width, 3, stride)),
            width,
            outputs,
            1,
            1,
            0.5,
          )
        : graph.conv(relu(graph.conv(x, channels, width, 3, stride)), width, outputs, 3, 1, 0.5);
      const around =
        channels === outputs && stride === 1 ? x : graph.conv(x, channels, outputs, 1, stride, 1);
      x = relu(graph.node("Add", [inner, around]));
      channels = outputs;
    }
  }
  x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])]);
  return graph.node(
    "Gemm",
    [x, graph.weight([1000, channels], Math.sqrt(1 / channels)), graph.weight([1000], 0.1)],
    [attribute.int("transB", 1)],
  );
}

/** 0.35, 1.2 and 2.0 GB. */
const VITS = {
  vit_b_16: { width: 768, heads: 12, layers: 12, patch: 16 },
  vit_l_16: { width: 1024, heads: 16, layers: 24, patch: 16 },
  vit_l_40: { width: 1024, heads: 16, layers: 40, patch: 16 },
};

function vit(graph, { width, heads, layers, patch }) {
  const weight = graph.weight([width, 3, patch, patch], Math.sqrt(1 / (3 * patch * patch)));
  const strides = [attribute.ints("strides", [patch, patch])];
  const patches = graph.node("Conv", ["x", weight, graph.weight([width], 0.1)], strides);
  const tokens = (SIZE / patch) ** 2;
  const flat = graph.node("Reshape", [patches, graph.integers(1, width, tokens)]);
  let x = graph.node("Transpose", [flat], [attribute.ints("perm", [0, 2, 1])]);
  x = graph.node("Concat", [graph.weight([1, 1, width], 1), x], [attribute.int("axis", 1)]);
  x = graph.node("Add", [x, graph.weight([1, tokens + 1, width], 0.2)]);
  for (let layer = 0; layer < layers; layer++) {
    x = graph.node("Add", [x, attention(graph, graph.norm(x, width), width, heads, tokens + 1)]);
    const hidden = gelu(graph, graph.linear(graph.norm(x, width), width, 4 * width));
    x = graph.node("Add", [x, graph.linear(hidden, 4 * width, width)]);
  }
  const first = graph.node("Gather", [graph.norm(x, width), scalar(graph, 0n)], [attribute.int("axis", 1)]);
  return graph.linear(first, width, 1000);
}

function scalar(graph, value) {
  const name = `i${graph.initializers.length}`;
  graph.initializers.push(integerTensor(name, [], DataType.INT64, BigInt64Array.of(value)));
  return name;
}

function attention(graph, x, width, heads, tokens) {
  const all = graph.linear(x, width, 3 * width);
  const split = graph.node("Reshape", [all, graph.integers(1, tokens, 3, heads, width / heads)]);
  const turned = graph.node("Transpose", [split], [attribute.ints("perm", [2, 0, 3, 1, 4])]);
  const part = (k) => graph.node("Gather", [turned, scalar(graph, BigInt(k))], [attribute.int("axis", 0)]);
  const keys = graph.node("Transpose", [part(1)], [attribute.ints("perm", [0, 1, 3, 2])]);
  const scale = `w${graph.initializers.length}`;
  graph.initializers.push(floatTensor(scale, [], Float32Array.of(Math.sqrt(heads / width))));
  const scores = graph.node("Mul", [graph.node("MatMul", [part(0), keys]), scale]);
  const mixed = graph.node("MatMul", [graph.node("Softmax", [scores], [attribute.int("axis", -1)]), part(2)]);
  const together = graph.node("Transpose", [mixed], [attribute.ints("perm", [0, 2, 1, 3])]);
  return graph.linear(graph.node("Reshape", [together, graph.integers(1, tokens, width)]), width, width);
}

/** x (1 + erf(x / √2)) / 2 */
function gelu(graph, x) {
  const constant = (value) => {
    const name = `w${graph.initializers.length}`;
    graph.initializers.push(floatTensor(name, [], Float32Array.of(value)));
    return name;
  };
  const erf = graph.node("Erf", [graph.node("Div", [x, constant(Math.SQRT2)])]);
  const product = graph.node("Mul", [x, graph.node("Add", [erf, constant(1)])]);
  return graph.node("Mul", [product, constant(0.5)]);
}
