import { describe, expect, it } from "vitest";
import { planOptions } from "../../src/plan/plan-options.js";
import { planPasses } from "../../src/plan/plan.js";
import { memoryWarnings, otherDevice, slowdownWarnings, withTarget } from "../../src/plan/target-options.js";
import { quantizeInt8 } from "../../src/passes/quantize/quantize-int8.js";
import { detect, GENERIC, PROFILES, thisMachine, type TargetProfile } from "../../src/targets/index.js";
import { matMulModel } from "../support/mat-mul-model.js";

const device = (fields: Partial<TargetProfile>): TargetProfile => ({ ...GENERIC, name: "device", ...fields });

describe("a target decides the options of passes", () => {
  it("leaves the defaults to generic", () => {
    expect(planOptions({ int8: true, target: "generic" })).toEqual(planOptions({ int8: true }));
    expect(planOptions({ int8: true, target: "x64-avx2" }).shared).toEqual({});
  });

  it("takes all of int8 where nothing saturates, and seven bits where the profile says so", () => {
    expect(planOptions({ int8: true, target: "x64-vnni" }).shared).toEqual({ saturation: "ignore" });
    expect(planOptions({ int8: true, target: device({ weightRange: "seven-bit" }) }).shared).toEqual({
      saturation: "seven-bit",
    });
    expect(planOptions({ passes: "clean-up, quantize-int8", target: "arm64" }).shared).toEqual({
      saturation: "ignore",
    });
  });

  it("sets no option of a pass that does not run", () => {
    expect(planOptions({ target: "x64-vnni" }).shared).toEqual({});
    expect(planOptions({ passes: "clean-up", target: "x64-vnni" }).shared).toEqual({});
    expect(planOptions({ passes: [quantizeInt8()], target: "x64-vnni" }).shared).toEqual({});
  });

  it("keeps to the forms that the runtime takes", () => {
    expect(
      planOptions({
        int8: true,
        target: device({
          formats: ["static-qdq", "stored-weights", "stored-functions"],
          floatOperators: ["Concat"],
        }),
      }).shared,
    ).toEqual({ formats: ["static-qdq"], floatOperators: ["Concat"] });
    expect(planOptions({ target: device({ formats: ["stored-weights"] }) }).shared).toEqual({
      functions: false,
    });
    expect(planOptions({ target: device({ formats: [] }) }).flags).toEqual({ storage: "plain" });
    expect(planOptions({ target: device({ formats: [] }), storage: "auto" }).flags).toEqual({
      storage: "auto",
    });
  });
});

it("quantize-int8 refuses words that it does not know", () => {
  expect(() => quantizeInt8({ saturation: "gaurd" as "guard" })).toThrow(
    'saturation must be one of guard, ignore, seven-bit, not "gaurd". Did you mean "guard"?',
  );
  expect(() => quantizeInt8({ formats: ["static" as "static-qdq"] })).toThrow(
    'there is no int8 format "static".',
  );
});

describe("withTarget", () => {
  it("gives the target's defaults where none were given", () => {
    const target = device({ threads: 4, minOrt: "1.16" });
    expect(withTarget({ target }).options).toEqual({ target, threads: 4, minOrt: "1.16" });
    expect(withTarget({ target, threads: 1, minOrt: undefined as unknown as string }).options).toMatchObject({
      threads: 1,
      minOrt: "1.16",
    });
  });

  it("tells the report", () => {
    expect(withTarget({ target: "arm64" }).target).toMatchObject({
      name: "arm64",
      origin: null,
      weightRange: "full",
      memoryBytes: null,
    });
    expect(withTarget({ target: "native" }).target.origin).not.toBeNull();
  });
});

it("warns of a file that is larger than the device's memory", () => {
  const { target } = withTarget({ target: device({ memoryBytes: 1000 }) });
  const size = (raw: number) => ({
    original: { raw: 4000, gzip: null, brotli: null },
    compressed: { raw, gzip: null, brotli: null },
    ratio: 4000 / raw,
  });
  expect(memoryWarnings(target, size(1000))).toEqual([]);
  expect(memoryWarnings(target, size(1001))).toMatchObject([{ id: "compress/beyond-memory" }]);
});

describe("a device that is not this machine", () => {
  const here = detect(thisMachine()).profile;
  const elsewhere = PROFILES.find(({ name }) => name !== here && name !== "generic")!;

  it("is known by its name: neither generic, nor what this machine is", () => {
    expect(otherDevice({})).toBeUndefined();
    expect(otherDevice({ target: "native" })).toBeUndefined();
    expect(otherDevice({ target: elsewhere.name })).toEqual({ name: elsewhere.name, costs: elsewhere.costs });
    expect(otherDevice({ target: device({}) })?.name).toBe("device");
    expect(
      [withTarget({}), withTarget({ target: elsewhere.name })].map(({ target }) => target.isThisMachine),
    ).toEqual([true, false]);
  });

  it("is what nodes are left in float for at every effort, where int8 is planned by the recipe", () => {
    for (const effort of ["fast", "balanced"] as const) {
      const step = planPasses(
        matMulModel(),
        planOptions({ int8: true, effort, target: elsewhere.name }),
      ).find(({ search }) => search);
      expect(step?.search).toMatchObject({
        speed: false,
        device: { name: elsewhere.name, costs: elsewhere.costs },
      });
    }
    expect(
      planPasses(matMulModel(), planOptions({ int8: true, effort: "fast" })).some(({ search }) => search),
    ).toBe(false);
    expect(
      planPasses(matMulModel(), planOptions({ passes: "quantize-int8", target: elsewhere.name })).some(
        ({ search }) => search,
      ),
    ).toBe(false);
  });

  it("makes a gate on time one of this machine, which is told", () => {
    expect(slowdownWarnings(withTarget({ target: elsewhere.name }).target, { maxSlowdown: 0 })).toMatchObject(
      [{ id: "compress/slowdown-elsewhere" }],
    );
    expect(slowdownWarnings(withTarget({ target: elsewhere.name }).target, {})).toEqual([]);
    expect(slowdownWarnings(withTarget({}).target, { maxSlowdown: 0 })).toEqual([]);
  });
});
