/** A model with one input more, to measure a tensor of its own together with values that it is given. */
import {
  attribute,
  copyModel,
  DataType,
  GraphEditor,
  makeNode,
  type Model,
  tensorValue,
} from "../../../ir/index.js";

export interface BesideModel {
  readonly model: Model;
  /** The new input, float of any shape that suits `inner` but for the last axis. */
  readonly input: string;
  /** `inner` and the input, side by side along the last axis. */
  readonly tensor: string;
}

/** @param inner a tensor of the main graph */
export function besideModel(model: Model, inner: string): BesideModel {
  const copy = copyModel(model);
  const editor = GraphEditor.forMainGraph(copy);
  const [input, tensor] = [editor.uniqueName("given"), editor.uniqueName("pair")];
  copy.graph.inputs.push(tensorValue(input, DataType.FLOAT));
  editor.insertBefore(undefined, makeNode("Concat", [inner, input], [tensor], [attribute.int("axis", -1)]));
  return { model: copy, input, tensor };
}
