/** x64-avx2: whatever x86-64 is not known to have VNNI. Its costs are generic's. */
import type { RegisteredTarget } from "../registered-target.js";
import { GENERIC } from "./generic.js";
import { processorName } from "../machine.js";

export const x64Avx2: RegisteredTarget = {
  profile: {
    ...GENERIC,
    name: "x64-avx2",
    description: "x86-64 without VNNI: sums pairs of products in 16 bits, which saturate with large weights",
  },
  recognizes: (machine) =>
    machine.arch !== "x64"
      ? undefined
      : `${processorName(machine)}${machine.features ? " has no VNNI" : ": not known to have VNNI"}`,
};
