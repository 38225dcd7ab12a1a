/** Maps requests for tensors inside bodies to the outputs of the main graph that will hold them. */
import { GraphEditor, type Model } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { isInnerTensor, type InnerTensor } from "./expose-subgraph-tensors.js";

export interface LiftedRequests {
  /** All requests, each for a tensor of the main graph. Leaves out those that no body can provide. */
  readonly requests: readonly StatisticRequest[];
  /** The inner tensors to expose in the main graph. */
  readonly inner: readonly InnerTensor[];
  /** The original request. */
  original<R extends StatisticRequest>(request: R): R;
}

export function liftRequests(model: Model, requests: readonly StatisticRequest[]): LiftedRequests {
  const originals = new Map<StatisticRequest, StatisticRequest>();
  const inner = new Map<string, InnerTensor>();
  const editor = requests.some((request) => scopeOf(request).length > 0)
    ? GraphEditor.forMainGraph(model)
    : undefined;
  const lifted = requests.flatMap((request) => {
    const scope = scopeOf(request);
    if (scope.length === 0 || !editor) return [request];
    if (!isInnerTensor(model, scope, request.tensor)) return [];
    const key = JSON.stringify([scope, request.tensor]);
    const found = inner.get(key) ?? {
      scope,
      tensor: request.tensor,
      output: editor.uniqueName("measured"),
      step: 1,
    };
    inner.set(key, found);
    const direct = { ...request, tensor: found.output, scope: [] };
    originals.set(direct, request);
    return [direct];
  });
  return {
    requests: lifted,
    inner: [...inner.values()],
    original: <R extends StatisticRequest>(request: R) =>
      (originals.get(request) as R | undefined) ?? request,
  };
}

function scopeOf(request: StatisticRequest): readonly string[] {
  return "scope" in request ? (request.scope ?? []) : [];
}
