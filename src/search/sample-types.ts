/** Infers types of a model's values for the input sizes of one sample, without running the model. */
import type { Dataset } from "../data/index.js";
import { copyModel, type Dimension, type Feed, GraphEditor, type Model, fedInputs } from "../ir/index.js";
import { inferScopes, type TypeMap } from "../ops/shapes.js";

/** Types of the main graph. Without data, each open size counts as 1. */
export async function sampleTypes(model: Model, dataset: Dataset | undefined): Promise<TypeMap> {
  const feed = dataset ? await firstFeed(dataset) : undefined;
  const copy = copyModel(model);
  const sizes = new Map<string, number>();
  for (const input of fedInputs(copy)) {
    const tensor = input.type?.tensor;
    const dims = feed?.[input.name]?.dims ?? tensor?.shape?.map((dim) => (typeof dim === "number" ? dim : 1));
    if (!tensor || !dims) continue;
    tensor.shape?.forEach((dim, axis) => typeof dim === "string" && sizes.set(dim, dims[axis] ?? 1));
    input.type = { tensor: { elementType: tensor.elementType, shape: [...dims] } };
  }
  const known = (dim: Dimension): Dimension => (typeof dim === "string" ? (sizes.get(dim) ?? dim) : dim);
  for (const value of [...copy.graph.valueInfo, ...copy.graph.outputs]) {
    const tensor = value.type?.tensor;
    if (tensor?.shape)
      value.type = { tensor: { elementType: tensor.elementType, shape: tensor.shape.map(known) } };
  }
  const main = GraphEditor.forMainGraph(copy);
  return inferScopes([main]).get(main) ?? new Map();
}

async function firstFeed(dataset: Dataset): Promise<Feed | undefined> {
  for await (const { feed } of dataset.samples()) return feed;
  return undefined;
}
