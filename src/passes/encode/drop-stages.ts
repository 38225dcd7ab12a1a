/** Removes the stages that load-stages.ts added, so that passes see plain chains of constants. */
import {
  DataType,
  GraphEditor,
  integerTensor,
  isOp,
  subgraphsOf,
  toNumbers,
  type Model,
  type Node,
} from "../../ir/index.js";

/** Returns how many were removed. */
export function dropStages(model: Model): number {
  const editor = GraphEditor.forMainGraph(model);
  const ends = editor.graph.nodes.filter((node) => isStageEnd(node, editor));
  // Last stage first: the If of a stage reads the number of the one before.
  for (const end of ends.reverse()) drop(end, editor);
  return ends.length;
}

/** A QuantizeLinear of what an If makes whose two branches are the same number. */
function isStageEnd(node: Node, editor: GraphEditor): boolean {
  const absolute = isOp(node, "QuantizeLinear") ? editor.producer(node.inputs[0] ?? "") : undefined;
  const choice = isOp(absolute, "Abs") ? editor.producer(absolute?.inputs[0] ?? "") : undefined;
  if (!choice || !isOp(choice, "If")) return false;
  const branches = subgraphsOf(choice).map(({ nodes }) => nodes);
  return (
    branches.length === 2 &&
    branches.every(([only, more]) => more === undefined && isOp(only, "DequantizeLinear")) &&
    branches[0]![0]!.inputs.join() === branches[1]![0]!.inputs.join() &&
    branches[0]![0]!.inputs.every((name) => isNumber(name, editor))
  );
}

function isNumber(name: string, editor: GraphEditor): boolean {
  const tensor = editor.constant(name);
  return tensor !== undefined && tensor.dims.every((dim) => dim === 1) && toNumbers(tensor)[0]! <= 1;
}

/** Turns the number into a constant, so that what waited for it reads a constant. */
function drop(end: Node, editor: GraphEditor): void {
  const [number = ""] = end.outputs;
  const absolute = editor.producer(end.inputs[0] ?? "")!;
  const choice = editor.producer(absolute.inputs[0] ?? "")!;
  editor.removeNodes(end, absolute, choice);
  editor.addInitializer(integerTensor(number, [1], DataType.UINT8, Uint8Array.of(1)));
  for (const cast of editor.consumers(number)) {
    const [token = ""] = cast.outputs;
    for (const user of editor.consumers(token)) {
      if (isOp(user, "Neg"))
        for (const gate of editor.consumers(user.outputs[0] ?? "")) open(gate, 0, editor);
      if (!isOp(user, "Mul")) continue;
      const shape = user.inputs[0] ?? "";
      for (const gate of editor.consumers(user.outputs[0] ?? ""))
        if (isOp(gate, "Reshape") && hasShape(gate.inputs[0] ?? "", shape, editor)) open(gate, 0, editor);
      open(user, 0, editor);
    }
    for (const user of editor.consumers(token)) if (isOp(user, "Neg")) removeUnused(user, editor);
    removeUnused(cast, editor);
  }
  if (editor.consumers(number).length === 0) editor.removeInitializers(new Set([number]));
}

function removeUnused(node: Node, editor: GraphEditor): void {
  if (node.outputs.every((name) => editor.consumers(name).length === 0)) editor.removeNodes(node);
}

function hasShape(name: string, shape: string, editor: GraphEditor): boolean {
  const [tensor, dims] = [editor.constant(name), editor.constant(shape)];
  return tensor !== undefined && dims !== undefined && toNumbers(dims).join() === tensor.dims.join();
}

/** Users of the node's output read one of its inputs instead. */
function open(node: Node, input: number, editor: GraphEditor): void {
  editor.replaceUses(node.outputs[0] ?? "", node.inputs[input] ?? "");
  editor.removeNodes(node);
}
