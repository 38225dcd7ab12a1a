/** A list of passes means the same as text and as a list, for every option that goes by a pass's name. */
import { describe, expect, it } from "vitest";
import { definePass } from "../../src/passes/define-pass.js";
import { quantizeInt8 } from "../../src/passes/quantize/quantize-int8.js";
import type { PassList } from "../../src/plan/pass-list.js";
import { listsPass, PASS_GROUPS } from "../../src/plan/pass-names.js";
import { planOptions } from "../../src/plan/plan-options.js";
import { planPasses } from "../../src/plan/plan.js";
import { PASSES } from "../../src/plan/registry.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { GENERIC, type TargetProfile } from "../../src/targets/index.js";
import { matMulModel } from "../support/mat-mul-model.js";
import { uniform } from "../support/seeded.js";

const observing = definePass<object>({
  name: "mine",
  description: "for a test",
  lossy: false,
  defaults: {},
  run: () => ({ modified: false, stats: {}, nodes: [], diagnostics: [] }),
});

const device = (fields: Partial<TargetProfile>): TargetProfile => ({ ...GENERIC, name: "device", ...fields });

/** Options whose meaning depends on a pass's name in the list, and what they decide. */
const BY_NAME: readonly [
  what: string,
  pass: string,
  given: CompressOptions,
  decided: { readonly shared?: object; readonly flags?: object },
][] = [
  ["the range of weights", "quantize-int8", { target: "x64-vnni" }, { shared: { saturation: "ignore" } }],
  [
    "the forms of int8",
    "quantize-int8",
    { target: device({ formats: ["dynamic-matmul"], floatOperators: ["Add"] }) },
    { shared: { formats: ["dynamic-matmul"], floatOperators: ["Add"] } },
  ],
  [
    "dense storage",
    "encode-weights",
    { target: device({ formats: ["static-qdq"] }) },
    { flags: { storage: "plain" } },
  ],
  [
    "chains outside functions, by the target",
    "encode-weights",
    { target: device({ formats: ["stored-weights"] }) },
    { shared: { functions: false } },
  ],
  [
    "chains outside functions, by the runtime",
    "encode-weights",
    { minOrt: "1.16" },
    { shared: { functions: false } },
  ],
];

describe.each(BY_NAME)("%s", (_, pass, given, decided) => {
  it.each<[string, string | PassList]>([
    ["text", `clean-up, ${pass}`],
    ["a list of names", ["clean-up", pass]],
    ["a list with a pass of the caller's own", [observing(), pass]],
  ])("is decided for %s", (_spelling, passes) => {
    const options = planOptions({ ...given, passes });
    expect(options).toMatchObject(decided);
    const bound = planPasses(matMulModel(), options)
      .flatMap((step) => step.passes)
      .find(({ name }) => name === pass);
    expect(bound?.options).toMatchObject({ ...decided.shared, ...decided.flags });
  });

  it("is not decided where the pass does not run, or only a longer name has it", () => {
    const plain = planOptions({ passes: ["clean-up"] });
    for (const passes of [["clean-up"], "clean-up", [observing()], `${pass}-later`, [`${pass}-later`]])
      expect(planOptions({ ...given, passes })).toMatchObject({ shared: plain.shared, flags: {} });
  });
});

it("a pass that runs besides the recipe gets what the target decides as well", () => {
  expect(planOptions({ passes: ["recipe", "quantize-int8"], target: "x64-vnni" }).shared).toEqual({
    saturation: "ignore",
  });
  expect(planOptions({ passes: [quantizeInt8()], target: "x64-vnni" }).shared).toEqual({});
});

it("any list means the same in both spellings", () => {
  const random = uniform(17);
  const words = [...PASSES.map(({ name }) => name), ...PASS_GROUPS.keys()];
  for (let round = 0; round < 60; round++) {
    const list = Array.from(
      { length: 1 + Math.floor(5 * random()) },
      () => words[Math.floor(words.length * random())]!,
    );
    const text = list.join(random() < 0.5 ? "," : " , ");
    const given: CompressOptions = {
      ...(random() < 0.5 ? { minOrt: "1.16" } : {}),
      target: ["x64-vnni", "generic", "arm64-dotprod"][Math.floor(3 * random())]!,
    };
    for (const { name } of PASSES) expect(listsPass(list, name)).toBe(listsPass(text, name));
    const [a, b] = [list, text].map((passes) => {
      const options = { ...planOptions({ ...given, passes }), passes: undefined };
      const plan = planPasses(matMulModel(), { ...options, passes });
      return { options, plan: plan.flatMap((step) => step.passes.map((pass) => [pass.name, pass.options])) };
    });
    expect(a).toEqual(b);
  }
});

it("a group holds its passes", () => {
  expect(listsPass("optimize", "remove-dead")).toBe(true);
  expect(listsPass(["clean-up"], "remove-dead")).toBe(true);
  expect(listsPass(["clean-up"], "quantize-int8")).toBe(false);
  expect(listsPass(undefined, "remove-dead")).toBe(false);
});

it("an empty list is refused in both spellings", () => {
  for (const passes of ["", []])
    expect(() => planPasses(matMulModel(), { flags: {}, passes })).toThrow("names");
});
