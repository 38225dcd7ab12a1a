/** Ranks of values, found when they are first asked for. */
import type { GraphEditor } from "../../ir/index.js";
import { analyzeShapes } from "../../ops/shape-analysis.js";

/** @param editors of all graphs of a model, outermost first */
export function rankTeller(editors: readonly GraphEditor[]): (editor: GraphEditor, name: string) => number | undefined {
  let facts: ReturnType<typeof analyzeShapes> | undefined;
  return (editor, name) => (facts ??= analyzeShapes(editors)).get(editor)?.shape(name)?.length;
}
