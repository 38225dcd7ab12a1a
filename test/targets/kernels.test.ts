/** Which operators a target computes in int8, and for which codes. */
import { describe, expect, it } from "vitest";
import { planOptions } from "../../src/plan/plan-options.js";
import { GENERIC, PROFILES, profileOf, resolveTarget } from "../../src/targets/index.js";

const decided = (kernels: unknown): unknown =>
  planOptions({ int8: true, target: profileOf({ kernels }, "mine.json") }).shared;
const KERNEL = GENERIC.kernels.Conv!;

describe("kernels of a target", () => {
  it("change nothing where they are those of onnxruntime's CPU provider, as in all that come with edgec", () => {
    for (const { name, kernels } of PROFILES) {
      expect(kernels).toBe(GENERIC.kernels);
      expect(planOptions({ int8: true, target: name }).shared).not.toHaveProperty("floatOperators");
    }
    expect(decided({})).toEqual({});
  });

  it("leave operators in float that have none, or none for the codes that edgec writes", () => {
    expect(decided({ Sigmoid: null, Concat: null })).toEqual({ floatOperators: ["Concat", "Sigmoid"] });
    expect(decided({ Conv: { activations: { signs: ["s8"] } } })).toEqual({ floatOperators: ["Conv"] });
    expect(decided({ Add: { activations: { symmetry: "symmetric" } } })).toEqual({ floatOperators: ["Add"] });
    expect(decided({ LSTM: { weights: { signs: ["u8"] } } })).toEqual({ floatOperators: ["LSTM"] });
    expect(decided({ Conv: { weights: { symmetry: "symmetric", signs: ["s8"] } } })).toEqual({});
  });

  it("take one scale for each weight where a layer has no kernel for a scale per channel, unless asked", () => {
    const kernels = { Conv: { weights: { granularity: ["tensor"] } } };
    expect(decided(kernels)).toEqual({ perChannel: false });
    const target = profileOf({ kernels }, "mine.json");
    expect(planOptions({ int8: true, perChannel: true, target }).shared).toEqual({ perChannel: true });
  });

  it("stay what they are when a profile is resolved again, also what it has none of", () => {
    const once = profileOf(
      { kernels: { Sigmoid: null, Conv: { activations: { signs: ["u8"] } } } },
      "mine.json",
    );
    const again = resolveTarget(once).profile;
    expect(again).toEqual(once);
    expect(again.kernels.Conv).toEqual({ ...KERNEL, activations: { ...KERNEL.activations, signs: ["u8"] } });
  });

  it.each([
    [{ Convv: null }, 'edgec has no int8 form of "Convv". Did you mean "Conv"?'],
    [{ Conv: { weight: {} } }, 'a target has no field "kernels.Conv.weight". Did you mean "weights"?'],
    [{ Conv: { weights: { signs: ["i8"] } } }, '"kernels.Conv.weights.signs" must be'],
    [{ Conv: { role: "mover" } }, '"kernels.Conv.role" must be "layer"'],
    [{ Add: { weights: {} } }, '"kernels.Add.weights" has no effect'],
    [{ Conv: 3 }, '"kernels.Conv" must be an object or null, not 3.'],
    [[], '"kernels" must be an object by operator type, not [].'],
  ])("are refused as %j", (kernels, message) => {
    expect(() => profileOf({ kernels }, "mine.json")).toThrow(message);
  });
});
