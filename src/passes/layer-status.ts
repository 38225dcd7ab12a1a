/** The report's entry about a weight and the layers that use it. */
import { nodeLabel } from "../ir/index.js";
import type { WeightLayer } from "../layers/weight-layers.js";
import type { NodeStatus } from "./contract.js";

/** Named after the first layer that uses it. */
export function layerStatus({ uses }: WeightLayer, status: NodeStatus["status"], reason: string): NodeStatus {
  const [{ node }] = uses;
  const others = uses.length > 1 ? ` (shared by ${uses.length} operators)` : "";
  return { name: nodeLabel(node), opType: node.opType, status, reason: reason + others };
}
