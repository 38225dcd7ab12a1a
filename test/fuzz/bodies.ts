/**
 * If, Loop and Scan: bodies that capture values and constants from around them, and may hold bodies of
 * their own.
 */
import { attribute, DataType, int64Tensor, tensorValue, type Graph } from "../../src/ir/index.js";
import { count, GraphBuilder, type Value } from "./graph-builder.js";
import type { Layer } from "./layers.js";

const DEEPEST = 2;

function depth(b: GraphBuilder): number {
  return b.parent ? 1 + depth(b.parent) : 0;
}

/** A few layers that end in a value of the shape of `x`. */
function growBody(b: GraphBuilder, x: Value, layers: readonly Layer[]): Value {
  let value = x;
  for (let k = b.random.within(1, 3); k > 0; k--) {
    const next = b.random.pick(layers)(b, b.random.chance(0.7) ? value : (b.anyValue() ?? value));
    if (next?.type === x.type) value = next;
  }
  const fits = value.dims.join() === x.dims.join() ? value : x;
  // A body may not hand out a value of the graph around it.
  return b.add("Mul", [fits.name, b.scalar("half", 0.5)], x.dims);
}

function finished(b: GraphBuilder, name: string, inputs: Graph["inputs"], outputs: Graph["outputs"]): Graph {
  return { ...b.graph(name), inputs, outputs };
}

const typed = (b: GraphBuilder, name: string): Graph["outputs"][number] => tensorValue(name, b.setting.float);

function ifNode(layers: readonly Layer[]): Layer {
  return (b, x) => {
    if (depth(b) >= DEEPEST) return undefined;
    const { random } = b;
    const condition = random.chance(0.5)
      ? b.constant("cond", { dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(random.below(2)) }, false)
      : computedCondition(b, x);
    const names = new Set(b.setting.taken);
    const branches = ["then_branch", "else_branch"].map((name) => {
      // Branches are siblings: they may bear the same names.
      const setting = { ...b.setting, taken: random.chance(0.5) ? new Set(names) : b.setting.taken };
      const body = new GraphBuilder(setting, b);
      const result = growBody(body, x, layers);
      for (const taken of setting.taken) b.setting.taken.add(taken);
      return attribute.graph(name, finished(body, name, [], [typed(b, result.name)]));
    });
    return b.add("If", [condition], x.dims, branches);
  };
}

/** Whether the value has any element along its first axis, which only running tells. */
function computedCondition(b: GraphBuilder, x: Value): string {
  const shape = b.add("Shape", [x.name], [x.dims.length], [], DataType.INT64);
  const size = b.add(
    "ReduceMax",
    [
      b.add("Cast", [shape.name], [x.dims.length], [attribute.int("to", DataType.FLOAT)], DataType.UNDEFINED)
        .name,
    ],
    [],
    [attribute.int("keepdims", 0)],
    DataType.UNDEFINED,
  );
  const limit = b.constant(
    "limit",
    { dims: [], dataType: DataType.FLOAT, typed: { float: [b.random.pick([1, 4])] } },
    false,
  );
  return b.add(
    b.opset < 9 ? "Greater" : b.random.pick(["Greater", "Less"]),
    [size.name, limit],
    [],
    [],
    DataType.BOOL,
  ).name;
}

function loop(layers: readonly Layer[]): Layer {
  return (b, x) => {
    if (depth(b) >= DEEPEST || count(x.dims) > 2000) return undefined;
    const trips = b.constant("trips", int64Tensor("", [b.random.pick([0, 1, 2, 3])], []), false);
    const body = new GraphBuilder(b.setting, b);
    const [index, going, state] = [b.name("i"), b.name("go"), { ...x, name: b.name("state") }];
    body.values.push(state);
    const result = growBody(body, state, layers);
    const goingOn = body.add("Identity", [going], [], [], DataType.BOOL);
    const graph = finished(
      body,
      "body",
      [tensorValue(index, DataType.INT64, []), tensorValue(going, DataType.BOOL, []), typed(b, state.name)],
      [tensorValue(goingOn.name, DataType.BOOL, []), typed(b, result.name)],
    );
    return b.add("Loop", [trips, "", x.name], x.dims, [attribute.graph("body", graph)]);
  };
}

/** Over the first axis, without a state: every element goes through the body. */
function scan(layers: readonly Layer[]): Layer {
  return (b, x) => {
    if (
      b.opset < 9 ||
      depth(b) >= DEEPEST ||
      x.dims.length < 2 ||
      (x.dims[0] ?? 0) === 0 ||
      (x.dims[0] ?? 0) > 8
    )
      return undefined;
    const body = new GraphBuilder(b.setting, b);
    const element = { ...x, name: b.name("element"), dims: x.dims.slice(1) };
    body.values.push(element);
    const result = growBody(body, element, layers);
    const graph = finished(
      body,
      "body",
      [typed(b, element.name)],
      [tensorValue(result.name, result.type, result.dims)],
    );
    return b.add("Scan", [x.name], x.dims, [
      attribute.graph("body", graph),
      attribute.int("num_scan_inputs", 1),
    ]);
  };
}

export function bodyLayers(layers: readonly Layer[]): Layer[] {
  const inner: Layer[] = [...layers];
  const bodies = [ifNode(inner), loop(inner), scan(inner)];
  inner.push(...bodies);
  return bodies;
}
