/**
 * A pass of your own inside the recipe: it rounds float weights to multiples of a step, after edgec has
 * pruned. What comes behind, such as storage, works on what the pass made.
 * Usage: node examples/own-pass.mjs [folder for the output]
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compress, DataType, definePass, floatTensor, GraphEditor, toFloat32 } from "edgec";

const folder = process.argv[2] ?? ".";
const fixture = (path) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

const snapWeights = definePass({
  name: "snap-weights",
  description: "round float weights to multiples of a step",
  lossy: true,
  defaults: { step: 1 / 256, minElements: 64 },
  run(model, { step, minElements }) {
    const nodes = [];
    let changed = 0;
    for (const editor of GraphEditor.forModel(model)) {
      for (const tensor of [...editor.graph.initializers]) {
        if (tensor.dataType !== DataType.FLOAT) continue;
        const values = toFloat32(tensor);
        if (values.length < minElements) continue;
        const snapped = values.map((value) => Math.round(value / step) * step);
        if (snapped.every((value, k) => value === values[k])) continue;
        // Never write into a tensor's bytes: others may use them. A new tensor takes its place.
        editor.replaceInitializer(floatTensor(tensor.name, tensor.dims, snapped));
        nodes.push({
          name: tensor.name,
          opType: "constant",
          status: "changed",
          reason: `multiples of ${step}`,
        });
        changed++;
      }
    }
    return { modified: changed > 0, stats: { tensorsSnapped: changed }, nodes, diagnostics: [] };
  },
});

const { report } = await compress(fixture("models/lenet.onnx"), {
  prune: 0.3,
  passes: ["recipe", { after: "prune-magnitude", pass: snapWeights }],
  calib: fixture("digits/digits-rgb32-calib.npz"),
  eval: fixture("digits/digits-rgb32-eval.npz"),
  output: join(folder, "lenet.snapped.onnx"),
});

const { stats } = report.passes.find(({ name }) => name === "snap-weights") ?? {};
console.log(`${stats?.tensorsSnapped} tensors snapped, ${report.size.ratio.toFixed(1)} times smaller`);
console.log(`accuracy ${report.accuracy?.original} → ${report.accuracy?.compressed}`);
