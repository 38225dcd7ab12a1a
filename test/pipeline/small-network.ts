/** A network of a few dense layers, on disk, and data for it: enough for every stage of a run to come by. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../../src/data/index.js";
import { DataType, emptyGraph, floatTensor, makeNode, tensorValue, type Model, type Node } from "../../src/ir/index.js";
import { writeModel } from "../../src/onnx/index.js";
import { uniform } from "../numeric/seeded.js";

export function network(layers: number, width: number): Model {
  const next = uniform(3);
  const nodes: Node[] = [];
  const weight = (name: string, dims: readonly number[], scale: number) =>
    floatTensor(name, dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => scale * (next() - 0.5)));
  const initializers = Array.from({ length: layers }, (_, k) => {
    const input = k === 0 ? "x" : `h${k}`;
    nodes.push(makeNode("MatMul", [input, `w${k}`], [`m${k}`], [], `dense${k}`), makeNode("Add", [`m${k}`, `b${k}`], [`s${k}`], [], `add${k}`));
    nodes.push(makeNode("Relu", [`s${k}`], [k === layers - 1 ? "y" : `h${k + 1}`], [], `relu${k}`));
    return [weight(`w${k}`, [width, width], 4 / Math.sqrt(width)), weight(`b${k}`, [width], 0.1)];
  }).flat();
  return {
    irVersion: 8n, opsetImports: [{ domain: "", version: 17n }], functions: [], trainingInfo: [], deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"), nodes, initializers,
      inputs: [tensorValue("x", DataType.FLOAT, ["n", width])], outputs: [tensorValue("y", DataType.FLOAT, ["n", width])],
    },
  };
}

/** @param seen is called for every sample that is read */
export function samplesFor(width: number, count: number, seen: () => void = () => undefined): Dataset {
  return {
    name: "samples", size: count, hasLabels: false,
    async *samples() {
      const next = uniform(9);
      for (let k = 0; k < count; k++) {
        seen();
        await Promise.resolve();
        yield { feed: { x: { dataType: DataType.FLOAT, dims: [4, width], data: Float32Array.from({ length: 4 * width }, () => next() - 0.4) } } };
      }
    },
  };
}

/** A folder of its own with the network in it. */
export function networkOnDisk(layers: number, width: number): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), "edgec-test-"));
  const path = join(folder, "network.onnx");
  writeModel(network(layers, width), path);
  return { folder, path };
}
