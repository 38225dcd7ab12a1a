/** A model around a graph, with nothing else set: what the builders of this folder have in common. */
import { emptyGraph, type Graph, type Model } from "../../src/ir/index.js";

export interface BareModelOptions {
  readonly opset?: number;
  readonly irVersion?: bigint;
}

export function bareModel(
  graph: Partial<Graph>,
  { opset = 17, irVersion = 8n }: BareModelOptions = {},
): Model {
  return {
    irVersion,
    opsetImports: [{ domain: "", version: BigInt(opset) }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: { ...emptyGraph("g"), ...graph },
  };
}
