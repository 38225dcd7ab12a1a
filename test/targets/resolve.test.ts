import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { GENERIC, PROFILES, profileOf, resolveTarget, type TargetProfile } from "../../src/targets/index.js";

const folder = mkdtempSync(join(tmpdir(), "edgec-targets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(content: unknown, name = "my-device.json"): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function failure(run: () => unknown): EdgecError {
  try {
    run();
  } catch (error) {
    if (error instanceof EdgecError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("resolveTarget", () => {
  it("finds profiles by name; generic is the default", () => {
    expect(resolveTarget().profile).toBe(GENERIC);
    for (const profile of PROFILES) expect(resolveTarget(profile.name)).toEqual({ profile });
  });

  it("takes native for this machine and says why", () => {
    const target = resolveTarget("native", () => ({ platform: "linux", arch: "arm64", model: "Cortex-A72", features: new Set(["asimd"]) }));
    expect(target.profile.name).toBe("arm64");
    expect(target.origin).toBe("Cortex-A72 has no dot products");
  });

  it("suggests a name", () => {
    const error = failure(() => resolveTarget("arm64-dotprd"));
    expect(error.code).toBe("BAD_OPTION");
    expect(error.message).toContain('there is no target "arm64-dotprd". Did you mean "arm64-dotprod"?');
  });

  it("reads a file that overrides a profile, its costs one by one", () => {
    const path = file({ extends: "arm64", threads: 4, minOrt: "1.16", memoryBytes: 64e6, costs: { conv: 0.7 } });
    const { profile, origin } = resolveTarget(path);
    const arm64 = PROFILES.find(({ name }) => name === "arm64")!;
    expect(profile).toEqual({ ...arm64, name: "my-device", threads: 4, minOrt: "1.16", memoryBytes: 64e6, costs: { ...arm64.costs, conv: 0.7 } });
    expect(origin).toBe(path);
  });

  it("checks a profile given as an object as well", () => {
    expect(resolveTarget({ ...GENERIC, name: "mine", threads: undefined } as unknown as TargetProfile).profile).toEqual({ ...GENERIC, name: "mine" });
    expect(failure(() => resolveTarget({ ...GENERIC, weightRange: "half" } as unknown as TargetProfile)).message)
      .toBe('the target: "weightRange" must be one of "pair-guard", "full", "seven-bit", not "half".');
  });
});

describe("a file that is wrong names itself and the field", () => {
  it.each([
    [{ weigthRange: "full" }, 'a target has no field "weigthRange". Did you mean "weightRange"?'],
    [{ costs: { conf: 1 } }, 'a target has no field "costs.conf". Did you mean "conv"?'],
    [{ costs: { conv: "fast" } }, '"costs.conv" must be a number from 0.001 to 1000, not "fast".'],
    [{ costs: [1] }, '"costs" must be an object with some of conv,'],
    [{ extends: "arm" }, '"extends" must be one of generic, x64-vnni, x64-avx2, arm64-dotprod, arm64, wasm, not "arm".'],
    [{ extends: "toString" }, '"extends" must be one of'],
    [{ constructor: 1 }, 'a target has no field "constructor"'],
    [{ threads: 1.5 }, '"threads" must be a whole number from 1 to 256, not 1.5.'],
    [{ threads: "4" }, '"threads" must be a whole number from 1 to 256, not "4".'],
    [{ minOrt: 1.16 }, '"minOrt" must be a version of onnxruntime such as "1.16", not 1.16.'],
    [{ formats: ["static"] }, '"formats" must be a list of different words out of "static-qdq",'],
    [{ formats: ["static-qdq", "static-qdq"] }, '"formats" must be a list of different words'],
    [{ activations: ["s8"] }, '"activations" must be a list with "u8", which is what edgec writes, not ["s8"].'],
    [{ floatOperators: "Conv" }, '"floatOperators" must be a list of texts, not "Conv".'],
    [{ name: "" }, '"name" must be a text that is not empty'],
    [{ memoryBytes: null }, '"memoryBytes" must be a whole number'],
    [[], "must hold a JSON object"],
    ["{", "is no JSON: "],
  ])("%j", (content, message) => {
    const path = file(content);
    const error = failure(() => resolveTarget(path));
    expect(error.code).toBe("BAD_OPTION");
    expect(error.message.startsWith(path)).toBe(true);
    expect(error.message).toContain(message);
  });

  it("is told apart from a file that is not there", () => {
    const path = join(folder, "none.json");
    const message = `cannot read the target ${path}: there is no such file. Give the path of a JSON file, or a name that "edgec targets" lists.`;
    expect(failure(() => resolveTarget(path))).toMatchObject({ code: "CANNOT_READ", message });
  });
});

it("checks every profile of its own by the same rules", () => {
  for (const profile of PROFILES) expect(profileOf({ ...profile }, profile.name)).toEqual(profile);
});
