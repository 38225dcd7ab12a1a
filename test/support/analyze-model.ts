import { GraphEditor, type Model } from "../../src/ir/index.js";
import { analyzeShapes, type GraphFacts } from "../../src/ops/shape-analysis.js";

/** What shape analysis finds out about the main graph of a model. */
export function analyzeModel(model: Model): GraphFacts {
  const editors = GraphEditor.forModel(model);
  return analyzeShapes(editors).get(editors[0]!)!;
}
