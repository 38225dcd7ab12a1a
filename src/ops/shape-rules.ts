/**
 * How element types and shapes of inputs determine those of outputs: one table, collected from the families of
 * operators in shape-rules/.
 */
import { isStandard, type Node, type Tensor } from "../ir/index.js";
import { ATTENTION, CONTRIBUTED } from "./shape-rules/attention.js";
import { shortValue, type Call, type Known, type Rule } from "./shape-rules/call.js";
import { CHOOSING } from "./shape-rules/choosing.js";
import { ELEMENTWISE } from "./shape-rules/elementwise.js";
import { LINEAR } from "./shape-rules/linear.js";
import { MOVING } from "./shape-rules/moving.js";
import { SCALING } from "./shape-rules/scaling.js";
import { WINDOWS } from "./shape-rules/windows.js";
import { NumericSizes } from "./sizes.js";

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...ELEMENTWISE,
  ...WINDOWS,
  ...LINEAR,
  ...MOVING,
  ...SCALING,
  ...CHOOSING,
  ...ATTENTION,
]);
const CONTRIBUTED_RULES: ReadonlyMap<string, Rule> = new Map(CONTRIBUTED);

/** Types of the node's outputs as far as they follow from its inputs' types and constants. */
export function inferOutputs(
  node: Node,
  inputs: readonly Known[],
  constant: (index: number) => Tensor | undefined,
): readonly Known[] {
  return inferCall({
    node,
    inputs,
    constant,
    value: (index) => shortValue(constant(index)),
    sizes: new NumericSizes(),
  }).map(withoutMadeSymbols(inputs));
}

/** Types of the node's outputs as far as they are known. */
export function inferCall(call: Call): readonly Known[] {
  const { node } = call;
  const rules = isStandard(node) ? RULES : node.domain === "com.microsoft" ? CONTRIBUTED_RULES : undefined;
  return rules?.get(node.opType)?.(call) ?? [];
}

/** Symbols for computed sizes are meaningful only within one analysis. */
function withoutMadeSymbols(inputs: readonly Known[]): (type: Known) => Known {
  const given = new Set(inputs.flatMap((type) => type?.shape ?? []));
  return (type) =>
    type && {
      ...type,
      ...(type.shape
        ? { shape: type.shape.map((dim) => (typeof dim === "string" && !given.has(dim) ? undefined : dim)) }
        : {}),
    };
}
