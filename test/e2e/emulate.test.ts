import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compress, verify, type Report } from "../../src/index.js";
import { detect, thisMachine } from "../../src/targets/index.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const RESNET = fixture("models/resnet.onnx");
const CALIB = fixture("digits/digits-rgb32-calib.npz");

const temporary = temporaryFolder();

async function quantized(target: string): Promise<string> {
  const output = join(temporary.path, `${target}.onnx`);
  await compress(RESNET, { int8: true, calib: CALIB, target, output, verify: false, packedSizes: false });
  return output;
}

const sqnr = ({ fidelity }: Report): number => fidelity!.outputs.logits!.pooledSqnrDb!;

describe("verify --emulate x64-avx2", () => {
  thoroughly(
    "shows what full-range weights lose without VNNI: 15.5 dB is left, as onnxruntime " +
      "gives under QEMU's Haswell",
    async () => {
      const path = await quantized("x64-vnni");
      const emulated = await verify(RESNET, path, { eval: CALIB, emulate: "x64-avx2" });
      expect(sqnr(emulated)).toBeGreaterThan(13);
      expect(sqnr(emulated)).toBeLessThan(17);
      expect(emulated.latency).toBeNull();
      expect(emulated.emulation).toMatchObject({ target: "x64-avx2", layersAtRisk: 14, layersNotCovered: 0 });
      if (process.arch !== "x64") return;
      const here = sqnr(await verify(RESNET, path, { eval: CALIB }));
      // Where this machine has no VNNI it does what was emulated.
      if (detect(thisMachine()).profile === "x64-avx2") expect(here).toBeCloseTo(sqnr(emulated), 1);
      else expect(here).toBeGreaterThan(35);
    },
  );

  thoroughly("finds nothing at risk in what is made by default, which loses nothing", async () => {
    const emulated = await verify(RESNET, await quantized("generic"), { eval: CALIB, emulate: "x64-avx2" });
    expect(emulated.emulation).toMatchObject({ pairsAtRisk: 0, layersAtRisk: 0 });
    expect(sqnr(emulated)).toBeGreaterThan(37);
  });

  it("is refused for processors that saturate nothing", async () => {
    const { code, stderr } = await edgec(["verify", RESNET, RESNET, "--emulate", "x64-vnni"]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      "--emulate x64-vnni: its kernels add in 32 bits, so there is nothing to emulate. " +
        "Use --emulate with generic or x64-avx2",
    );
  });
});
