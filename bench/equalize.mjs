/**
 * What evening out channels before int8 brings: balanced and deliberately unbalanced networks, and a
 * transformer.
 */
import { compress, readModel, writeModel } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { decibels, printTable } from "./table.mjs";
import { unbalance } from "./unbalance.mjs";

/** The recipe up to int8. */
const BEFORE =
  "clean-up,upgrade-opset,fuse-layer-norm,fuse-hard-swish,fuse-pad,fold-concat-affine,merge-layers,fuse-matmul-add";
/** Channels are multiplied by factors from 1/10 to 10. */
const SPREAD = 10;

export default async function equalize() {
  const rows = [];
  for (const name of ["lenet", "resnet"]) {
    const f = fixture(name);
    const unbalanced = f.out("unbalanced");
    const model = await readModel(f.model);
    unbalance(model, SPREAD);
    await writeModel(model, unbalanced);
    for (const [label, file] of [
      ["as it is", f.model],
      ["unbalanced", unbalanced],
    ]) {
      for (const perChannel of [false, true]) {
        rows.push([
          name,
          label,
          perChannel ? "per channel" : "per tensor",
          await fidelity(f, file, "", perChannel),
          await fidelity(f, file, "equalize-channels,", perChannel),
        ]);
      }
    }
  }
  const vit = fixture("vit");
  for (const perChannel of [false, true]) {
    rows.push([
      "vit",
      "smooth-activations",
      perChannel ? "per channel" : "per tensor",
      await fidelity(vit, vit.model, "", perChannel),
      await fidelity(vit, vit.model, "smooth-activations,", perChannel),
    ]);
  }
  printTable(
    "int8 without and with channels evened out before (asked: per tensor, unbalanced " +
      "with the pass within 1 dB of as it is without)",
    ["model", "channels", "weight scales", "without", "with"],
    rows,
  );
}

async function fidelity(f, file, pass, perChannel) {
  const { report } = await compress(file, {
    passes: `${BEFORE},${pass}quantize-int8,remove-dead`,
    perChannel,
    calib: f.calib,
    eval: f.eval,
    packedSizes: false,
  });
  return decibels(Object.values(report.fidelity?.outputs ?? {})[0]?.sqnrDb);
}
