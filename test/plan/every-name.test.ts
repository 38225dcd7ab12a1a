/**
 * Every name that a file has may be excluded: behind the exact steps either something is left of it, which
 * the lossy passes then leave alone, or the user is told which step has taken it out.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { copyModel, type Model, nestedGraphs, nodeLabel } from "../../src/ir/index.js";
import { decodeModel, readModel } from "../../src/onnx/index.js";
import type { Pass } from "../../src/passes/contract.js";
import { takesExclusions } from "../../src/plan/bind-pass.js";
import { Exclusions } from "../../src/plan/exclusions.js";
import { RECIPE } from "../../src/plan/recipe.js";
import { findPass } from "../../src/plan/registry.js";
import { operatorTests } from "../support/operator-archive.js";
import { isThorough, sampled } from "../support/thorough.js";
import { CONTEXT, untilStable } from "../support/running.js";

const OPTIONS = { flags: { int8: "true", prune: "0.5" } };
const STEPS = RECIPE.filter((step) => step.when(OPTIONS));
const LOSSY_FROM = STEPS.findIndex(({ passes }) => passes.some((name) => takesExclusions(findPass(name))));

/** The model as the first lossy pass finds it. */
async function simplified(file: Model): Promise<Model> {
  const model = copyModel(file);
  for (const { passes, untilStable: repeats, options } of STEPS.slice(0, LOSSY_FROM)) {
    const bound: Pass[] = passes.map((name) => findPass(name).bind(options ?? {}));
    if (repeats === true) await untilStable(model, bound);
    else for (const pass of bound) await pass.run(model, CONTEXT);
  }
  return model;
}

interface Fate {
  readonly name: string;
  /** What is left of it, or the refusal. */
  readonly left: readonly string[] | string;
}

function fatesOf(file: Model, model: Model): Fate[] {
  const names = new Set([...nestedGraphs(file.graph)].flatMap(({ nodes }) => nodes.map(nodeLabel)));
  return [...names].map((name) => {
    try {
      return { name, left: new Exclusions(file, [name]).in(model) };
    } catch (error) {
      return { name, left: (error as Error).message };
    }
  });
}

function wrongFates(fates: readonly Fate[]): Fate[] {
  return fates.filter(({ left }) =>
    typeof left === "string"
      ? !/^"exclude": ".*" has no effect, because "[a-z0-9-]+" removes it before/.test(left)
      : left.length === 0,
  );
}

/** Nodes that the pass changes although they are excluded. */
async function changed(pass: string, model: Model, exclude: readonly string[]): Promise<string[]> {
  const bound = findPass(pass).bind({ exclude, ...(pass === "prune-magnitude" ? { amount: "0.5" } : {}) });
  const { nodes } = await bound.run(copyModel(model), CONTEXT);
  return nodes
    .filter(({ name, status }) => status === "changed" && exclude.includes(name))
    .map(({ name }) => name);
}

describe.each(sampled(["lenet", "mbv2", "resnet", "rnn", "vit"], 3))("every node name of %s", (name) => {
  it("is left alone by the passes that prune and quantize, or refused with the step that took it out", async () => {
    const file = readModel(fileURLToPath(new URL(`../../fixtures/models/${name}.onnx`, import.meta.url)));
    const model = await simplified(file);
    const fates = fatesOf(file, model);
    expect(fates.length).toBeGreaterThan(8);
    expect(wrongFates(fates)).toEqual([]);
    const sets = new Map(
      fates.flatMap(({ left }) => (typeof left === "string" ? [] : [[left.join("\n"), left]])),
    );
    // Names of nodes without weights are many; each third is looked at.
    for (const left of [...sets.values()].filter((_, k) => k % 3 === 0))
      for (const pass of ["prune-magnitude", "quantize-int8"])
        expect(await changed(pass, model, left), `${pass} without ${left.join(", ")}`).toEqual([]);
  });
});

describe("every node name of operator models", () => {
  it("is found again or refused with the step that took it out", async () => {
    const wrong: (Fate & { model: string })[] = [];
    let count = 0;
    for (const { name, model: bytes } of operatorTests().filter((_, k) => k % (isThorough ? 6 : 24) === 0)) {
      const file = decodeModel(bytes);
      const fates = fatesOf(file, await simplified(file));
      count += fates.length;
      wrong.push(...wrongFates(fates).map((fate) => ({ model: name, ...fate })));
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(50);
  });
});
