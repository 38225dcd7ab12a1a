/** The multiply-accumulates of a whole model, for a limit on them. */
import { copyModel, GraphEditor, tensorValue, type Model } from "../ir/index.js";
import { nodeMacs } from "../ops/macs.js";
import { inferScopes } from "../ops/shapes.js";
import { INLINING_PASSES } from "../passes/graph/clean-up.js";

/**
 * Of one sample: sizes of inputs that are left open count as 1. Undefined where the sizes are not known.
 * @param original has the shapes of constants that the model decodes, which keep their names
 */
export async function totalMacs(model: Model, original: Model = model): Promise<number | undefined> {
  const copy = copyModel(model);
  for (const pass of INLINING_PASSES)
    await pass().run(copy, { statistics: undefined, evaluator: undefined, seed: 0 });
  for (const { type } of copy.graph.inputs)
    if (type?.tensor?.shape) type.tensor.shape = type.tensor.shape.map((dim) => (Number(dim) > 0 ? dim : 1));
  copy.graph.valueInfo = original.graph.initializers.map(({ name = "", dataType, dims }) =>
    tensorValue(name, dataType, [...dims]),
  );
  const editors = GraphEditor.forModel(copy);
  const types = inferScopes(editors);
  let total = 0;
  for (const editor of editors)
    for (const node of editor.graph.nodes) {
      const known = types.get(editor);
      const macs = nodeMacs(
        node,
        node.inputs.map((name) => known?.get(name)),
        node.outputs.map((name) => known?.get(name)),
      );
      if (macs === undefined) return undefined;
      total += macs;
    }
  return total;
}
