import { describe, expect, it } from "vitest";
import { detect, featuresIn, type Machine } from "../../src/targets/detect.js";
import { PROFILES } from "../../src/targets/profiles.js";

const machine = (given: Partial<Machine>): Machine => ({
  platform: "linux",
  arch: "x64",
  model: "a CPU",
  features: undefined,
  ...given,
});
const profileOf = (given: Partial<Machine>): string => detect(machine(given)).profile;

describe("detect", () => {
  it("goes by the features of /proc/cpuinfo", () => {
    expect(profileOf({ features: new Set(["avx2", "avx512_vnni"]) })).toBe("x64-vnni");
    expect(profileOf({ features: new Set(["avx2", "avx_vnni"]) })).toBe("x64-vnni");
    expect(profileOf({ features: new Set(["avx2", "avx512f"]) })).toBe("x64-avx2");
    expect(profileOf({ arch: "arm64", features: new Set(["asimd", "asimddp"]) })).toBe("arm64-dotprod");
    expect(profileOf({ arch: "arm64", features: new Set(["asimd"]) })).toBe("arm64");
  });

  it("goes by the name where no features are listed, and is careful with names it does not know", () => {
    expect(profileOf({ platform: "win32", model: "12th Gen Intel(R) Core(TM) i7-1260P" })).toBe("x64-vnni");
    expect(profileOf({ platform: "win32", model: "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz" })).toBe(
      "x64-avx2",
    );
    expect(profileOf({ platform: "win32", arch: "arm64", model: "Snapdragon(R) X Elite - X1E80100" })).toBe(
      "arm64-dotprod",
    );
    expect(profileOf({ platform: "win32", arch: "arm64", model: "" })).toBe("arm64");
    expect(profileOf({ platform: "darwin", arch: "arm64", model: "Apple M1" })).toBe("arm64-dotprod");
  });

  it("does not go by the name against the features: a hypervisor may hide them", () => {
    expect(profileOf({ model: "12th Gen Intel(R) Core(TM) i7-1260P", features: new Set(["avx2"]) })).toBe(
      "x64-avx2",
    );
  });

  it("falls back to generic for other architectures, and names only profiles that there are", () => {
    const names = PROFILES.map(({ name }) => name);
    for (const arch of ["riscv64", "ia32", "x64", "arm64"]) expect(names).toContain(profileOf({ arch }));
    expect(detect(machine({ arch: "riscv64" }))).toEqual({
      profile: "generic",
      reason: "there is no profile for the architecture riscv64",
    });
  });
});

describe("featuresIn", () => {
  it("reads x86 and ARM", () => {
    expect(featuresIn("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n")).toEqual(
      new Set(["fpu", "avx2", "avx512_vnni"]),
    );
    expect(featuresIn("processor\t: 0\nFeatures\t: fp asimd asimddp\n")).toEqual(
      new Set(["fp", "asimd", "asimddp"]),
    );
    expect(featuresIn("processor\t: 0\n")).toBeUndefined();
  });

  it("takes what all cores have", () => {
    expect(featuresIn("Features : asimd\n\nFeatures : asimd asimddp\n")).toEqual(new Set(["asimd"]));
  });
});
