import { expect, it } from "vitest";
import type { SearchSpace } from "../../../src/pipeline/search/float-nodes.js";
import { choosePayingNodes, type Timer } from "../../../src/pipeline/search/paying-nodes.js";
import { matMulModel } from "../tiny-model.js";

/** Four nodes; the first have the least arithmetic for what they move. A model is known by what it leaves in float. */
const SPACE: SearchSpace = {
  nodes: [3, 1, 4, 2].map((intensity) => ({ name: `n${intensity}`, opType: "Conv", share: 0.25, intensity })),
  build: (floatNodes) => Promise.resolve({ ...matMulModel(), docString: [...floatNodes].sort().join() }),
  score: () => Promise.resolve(0),
};
const ALL = "n1,n2,n3,n4";

function timerOf(times: Readonly<Record<string, number>>): Timer & { readonly calls: string[][] } {
  const calls: string[][] = [];
  return Object.assign((models: Parameters<Timer>[0]) => {
    calls.push(models.map(({ docString }) => docString!));
    return Promise.resolve(models.map(({ docString }) => times[docString!] ?? 100));
  }, { calls });
}

it("tries nothing more where int8 pays as a whole", async () => {
  const time = timerOf({ [ALL]: 100, "": 84 });
  expect(await choosePayingNodes(SPACE, time)).toEqual({ floatNodes: [], floatMs: 100, int8Ms: 84, chosenMs: 84 });
  expect(time.calls).toEqual([[ALL, ""]]);
});

it("leaves in float the nodes with the least arithmetic, as many as is fastest", async () => {
  const time = timerOf({ [ALL]: 100, "": 110, n1: 90, "n1,n2": 70, "n1,n2,n3": 80 });
  expect(await choosePayingNodes(SPACE, time)).toEqual({ floatNodes: ["n1", "n2"], floatMs: 100, int8Ms: 110, chosenMs: 70 });
  expect(time.calls[1]).toEqual([ALL, "", "n1", "n1,n2", "n1,n2,n3"]);
});

it("leaves all in float where nothing is faster beyond noise", async () => {
  const time = timerOf({ [ALL]: 100, "": 110, n1: 99, "n1,n2": 98, "n1,n2,n3": 97.5 });
  expect(await choosePayingNodes(SPACE, time)).toEqual({ floatNodes: ["n3", "n1", "n4", "n2"], floatMs: 100, int8Ms: 110, chosenMs: 100 });
});
