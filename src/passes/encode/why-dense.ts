/** Finds constants that must stay dense, and the reasons. */
import type { Diagnostic } from "../../diagnostics.js";
import { elementCount, nodeLabel, isStandard, operatorName } from "../../ir/index.js";
import type { GraphEditor, Node, Tensor } from "../../ir/index.js";
import { weightFact } from "../../ops/weights.js";
import { MAX_FOLDABLE_ELEMENTS } from "./folding-facts.js";

export interface Obstacle {
  readonly reason: string;
  readonly diagnostic?: Diagnostic;
}

/** `exclude` holds names of constants and of nodes. Undefined when the constant may be encoded. */
export function whyDense(
  editor: GraphEditor,
  tensor: Tensor,
  users: readonly Node[],
  exclude: ReadonlySet<string>,
): Obstacle | undefined {
  const name = tensor.name ?? "";
  if (exclude.has(name)) return { reason: "excluded" };
  const excludedUser = users.find((user) => exclude.has(nodeLabel(user)));
  if (excludedUser) return { reason: `excluded with node "${nodeLabel(excludedUser)}"` };
  if (users.length === 0) return { reason: "no node uses it" };
  if (editor.isOutput(name)) return { reason: "is a graph output" };
  if (editor.input(name)) return { reason: "is the default of a graph input, which callers may override" };
  const custom = users.find((user) => !isStandard(user) && !weightFact(user));
  if (custom) return { reason: `feeds ${operatorName(custom)}, which may need a constant` };
  if (tensor.unknownFields?.length) return { reason: "carries fields that edgec does not know" };
  if (elementCount(tensor) <= MAX_FOLDABLE_ELEMENTS) return undefined;
  const reason =
    `has more than ${MAX_FOLDABLE_ELEMENTS} elements: onnxruntime folds no output above ` +
    "1 GiB and would decode it at every inference";
  return {
    reason,
    diagnostic: {
      id: "encode-weights/too-large",
      severity: "warning",
      subject: name,
      message: `"${name}" stays dense: it ${reason}.`,
    },
  };
}
