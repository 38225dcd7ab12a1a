/** Describes the status of an island's nodes in words. */
import { type Node, nodeLabel } from "../../../ir/index.js";
import type { KnownRange } from "../../../ops/known-ranges.js";
import type { NodeStatus } from "../../contract.js";
import type { ActivationPlan } from "../setup/activation-parameters.js";
import type { Branches } from "../setup/concat-branches.js";
import type { Islands } from "../setup/islands.js";

export function status(node: Node, result: NodeStatus["status"], reason: string): NodeStatus {
  return { name: nodeLabel(node), opType: node.opType, status: result, reason };
}

/** @param risk a remark about the weights of a node, or an empty string */
export function staticStatuses(
  { computes, members, clamps }: Islands,
  { fixed, branches }: ActivationPlan,
  calibrator: string,
  risk: (node: Node) => string,
): NodeStatus[] {
  return [
    ...computes.map((node) =>
      status(
        node,
        "changed",
        `static int8, ${calibrator} calibration${rangeKnown("its input", fixed.get(node.inputs[0]!))}${risk(node)}`,
      ),
    ),
    ...[...members].map((node) =>
      status(
        node,
        "changed",
        "runs in int8 between quantized " +
          `neighbours${rangeKnown("its output", fixed.get(node.outputs[0]!))}${ofBranches(branches.get(node))}`,
      ),
    ),
    ...[...clamps.values()].map((clamp) =>
      status(clamp, "changed", "replaced by the saturation of the preceding quantization"),
    ),
  ];
}

function rangeKnown(what: string, range: KnownRange | undefined): string {
  return range ? `; the range of ${what} is known by construction, ${range.min} to ${range.max}` : "";
}

function ofBranches(branches: Branches | undefined): string {
  if (!branches) return "";
  const { shared, split } = branches;
  if (split.length === 0) return "; its branches share one scale";
  return shared === 0
    ? "; each of its branches keeps its own scale"
    : `; ${split.map((name) => `"${name}"`).join(", ")} of its ${shared + split.length} ` +
        "branches keep their own scales";
}
