/** Passes of a caller's own: put into the recipe, and mixed with names. */
import { describe, expect, it } from "vitest";
import { compress } from "../../src/compress/compress.js";
import { definePass } from "../../src/passes/define-pass.js";
import type { PassContext, PassFactory } from "../../src/passes/contract.js";
import type { PassList } from "../../src/plan/pass-list.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";
import { planOptions, storeOnlyOptions } from "../../src/plan/plan-options.js";
import { planPasses } from "../../src/plan/plan.js";
import { network, samplesFor } from "../compress/small-network.js";

interface MineOptions {
  readonly exclude: readonly string[];
}

/** Reports each dense layer as it finds it, and changes nothing. */
function observing(
  name: string,
  { lossy = true, seen = () => undefined }: { lossy?: boolean; seen?: (context: PassContext) => void } = {},
): PassFactory<MineOptions> {
  return definePass<MineOptions>({
    name,
    description: "for a test",
    lossy,
    defaults: { exclude: [] },
    run: (model, { exclude }, context) => {
      seen(context);
      const nodes = model.graph.nodes
        .filter(({ opType }) => opType === "MatMul" || opType === "Gemm")
        .map(({ name: node = "", opType }) => ({
          name: node,
          opType,
          status: "kept" as const,
          reason: exclude.includes(node) ? "excluded" : "seen",
        }));
      return { modified: false, stats: {}, nodes, diagnostics: [] };
    },
  });
}

const mine = observing("mine");
const plan = (options: PlanOptions) => planPasses(network(3, 8), options);
const names = (
  passes: PassList,
  flags: PlanOptions["flags"] = {},
  more: Partial<PlanOptions> = {},
): string[] => plan({ flags, passes, ...more }).flatMap((step) => step.passes.map(({ name }) => name));

describe("a pass in the recipe", () => {
  it("stands behind the last of the passes it is put after, or before the first", () => {
    const after = names(["recipe", { after: "prune-magnitude", pass: mine }], { prune: "0.3", int8: "" });
    expect(after[after.indexOf("mine") - 1]).toBe("prune-magnitude");
    const before = names(["recipe", { before: "quantize-int8", pass: mine() }], { int8: "" });
    expect(before[before.indexOf("mine") + 1]).toBe("quantize-int8");
    const repeated = names(["recipe", { after: "remove-dead", pass: mine }]);
    expect(repeated.indexOf("mine")).toBeGreaterThan(repeated.lastIndexOf("remove-dead"));
    expect(names(["recipe", { before: "remove-dead", pass: mine }]).indexOf("mine")).toBeLessThan(
      repeated.indexOf("remove-dead"),
    );
  });

  it("leaves the recipe's other passes as they are, in their order", () => {
    const flags = { prune: "0.3", int8: "", cluster: "16" };
    const recipe = plan({ flags }).flatMap((step) => step.passes.map(({ name }) => name));
    const list: PassList = [mine(), "recipe", { after: "prune-magnitude", pass: mine }, mine()];
    const mixed = names(list, flags);
    expect(mixed.filter((name) => name !== "mine")).toEqual(recipe);
    expect([mixed[0], mixed.at(-1), mixed.filter((name) => name === "mine").length]).toEqual([
      "mine",
      "mine",
      3,
    ]);
  });

  it("may stand beside one that was put in before it", () => {
    const list = names([
      "recipe",
      { after: "encode-weights", pass: mine },
      { after: "mine", pass: observing("next") },
    ]);
    expect(list.slice(-2)).toEqual(["mine", "next"]);
  });

  it("brings the unpacking of weights in where it is lossy, bound or not, and not where it is exact", () => {
    const at = (pass: PassFactory<MineOptions>) => ({ after: "upgrade-opset", pass });
    expect(names(["recipe", at(mine)])[1]).toBe("unpack-weights");
    expect(names(["recipe", { ...at(mine), pass: mine() }])).toContain("unpack-weights");
    expect(names([mine(), "recipe"])).toContain("unpack-weights");
    const exact = observing("exact", { lossy: false });
    expect(names(["recipe", at(exact)])).not.toContain("unpack-weights");
    expect(names(["recipe"])).not.toContain("unpack-weights");
  });

  it.each([
    [
      "prune-magnitud",
      { prune: "0.3" },
      'the pass "prune-magnitud" does not run with these options',
      'Did you mean "prune-magnitude"?',
    ],
    [
      "prune-magnitude",
      {},
      'the pass "prune-magnitude" does not run with these options',
      "These passes run: ",
    ],
  ])("is refused beside %s with %j", (after, flags: PlanOptions["flags"], ...parts) => {
    for (const part of parts) expect(() => names(["recipe", { after, pass: mine }], flags)).toThrow(part);
  });

  it.each([
    ["a mistyped key", { afetr: "remove-dead", pass: mine }],
    ["two places", { after: "remove-dead", before: "remove-dead", pass: mine }],
    ["no pass", { after: "remove-dead" }],
    ["a function that is no pass", { after: "remove-dead", pass: () => undefined }],
    ["a factory in the place of a pass", mine],
    ["nothing", null],
  ])("is refused as %s", (_, entry) => {
    expect(() => names(["recipe", entry] as unknown as PassList)).toThrow(
      expect.objectContaining({
        code: "BAD_OPTION",
        message: expect.stringContaining("passes: entry 2 is not the name of a pass") as string,
      }) as Error,
    );
  });

  it("is refused where the list does not name the recipe", () => {
    expect(() => names(["clean-up", { after: "remove-dead", pass: mine }])).toThrow(
      'does not contain "recipe". Add it.',
    );
  });

  it("takes exclusions from the run as a factory, and its own options when they are bound", () => {
    const optionsIn = (pass: PassFactory<MineOptions> | ReturnType<PassFactory<MineOptions>>) =>
      plan({ flags: { int8: "" }, exclude: ["dense1"], passes: ["recipe", { after: "fuse-pad", pass }] })
        .flatMap((step) => step.passes)
        .find(({ name }) => name === "mine")?.options;
    expect(optionsIn(mine)).toEqual({ exclude: ["dense1"] });
    expect(optionsIn(mine({ exclude: ["dense0"] }))).toEqual({ exclude: ["dense0"] });
  });

  it("is enough for exclusions to have an effect", () => {
    expect(names(["recipe", { after: "fuse-pad", pass: mine }], {}, { exclude: ["dense1"] })).toContain(
      "mine",
    );
    const exact = observing("exact", { lossy: false });
    expect(() => names(["recipe", { after: "fuse-pad", pass: exact }], {}, { exclude: ["dense1"] })).toThrow(
      '"exclude" has no effect here',
    );
  });
});

describe("passes of a caller's own among names", () => {
  it("run in the order of the list, with the options of the run for those that are named", () => {
    const list = names(["clean-up", mine(), "quantize-int8"], { int8: "" });
    expect(list.slice(-2)).toEqual(["mine", "quantize-int8"]);
    expect(list).toContain("remove-dead");
  });

  it("bring the unpacking of weights in where they are lossy and stand with the clean-up", () => {
    expect(names(["clean-up", mine()]).slice(0, 2)).toEqual(["lift-constants", "unpack-weights"]);
    expect(names(["remove-dead", mine()])).toEqual(["remove-dead", "mine"]);
  });
});

describe("int8 storage in place of int8 arithmetic", () => {
  const stored = (passes: PassList): string[] =>
    plan(storeOnlyOptions(planOptions({ int8: true, prune: 0.3, passes }))!).flatMap((step) =>
      step.passes.map(({ name }) => name),
    );

  it("keeps the caller's passes, without those that stood beside one of int8's", () => {
    expect(stored(["recipe", { after: "prune-magnitude", pass: mine }])).toContain("mine");
    const beside = stored([
      "recipe",
      { after: "quantize-int8", pass: mine },
      { after: "mine", pass: observing("next") },
      { before: "store-int8", pass: observing("other") },
    ]);
    expect([beside.includes("mine"), beside.includes("next"), beside.includes("other")]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

it("a pass in the recipe runs between pruning and int8, which go on, and leaves alone what is excluded", async () => {
  const contexts: PassContext[] = [];
  const pass = observing("mine", { seen: (context) => contexts.push(context) });
  const { report } = await compress(network(4, 64), {
    prune: 0.3,
    int8: true,
    keepInt8: true,
    calib: samplesFor(64, 8),
    exclude: ["dense1"],
    passes: ["recipe", { after: "prune-magnitude", pass }],
    verify: false,
  });
  const order = report.passes.map(({ name }) => name);
  expect(order[order.indexOf("mine") - 1]).toBe("prune-magnitude");
  expect(order.indexOf("quantize-int8")).toBeGreaterThan(order.indexOf("mine"));
  const of = (wanted: string) =>
    new Map(
      report.nodes
        .filter((node) => node.pass === wanted)
        .map(({ name, reason, status }) => [name, { reason, status }]),
    );
  expect([...of("mine").values()].map(({ reason }) => reason).sort()).toEqual([
    "excluded",
    "seen",
    "seen",
    "seen",
  ]);
  expect(of("mine").get("dense1")?.reason).toBe("excluded");
  expect([...of("quantize-int8")].filter(([, { status }]) => status === "changed").length).toBeGreaterThan(0);
  expect(of("quantize-int8").get("dense1")).toEqual({ reason: "excluded", status: "kept" });
  expect(contexts[0]?.reference).toBeDefined();
});

it("a search sets the options that a pass declares for it, by whatever name, and no others", () => {
  const run = () => ({ modified: false, stats: {}, nodes: [], diagnostics: [] });
  const base = { description: "for a test", lossy: true, run } as const;
  const bound = (pass: PassFactory<never>) =>
    plan({
      flags: {},
      passes: ["recipe", { after: "fuse-pad", pass: pass as unknown as PassFactory<object> }],
    })
      .flatMap((step) => step.passes)
      .find(({ name }) => name.startsWith("forms"))!;
  const defaults = { exclude: [] as string[], dynamic: true, late: [] as string[] };
  const undeclared = bound(definePass({ ...base, name: "forms-none", defaults }) as never);
  expect("atRunTime" in undeclared).toBe(false);
  const declared = definePass({ ...base, name: "forms-late", defaults, forms: { dynamic: "late" } });
  expect(bound(declared as never).atRunTime?.(["dense0"]).options).toMatchObject({
    dynamic: true,
    late: ["dense0"],
  });
});
