/**
 * Every device, `generic` first. The single place to add one: `--target`, `edgec targets`, what `native`
 * means, what `--emulate` takes and the documentation derive from this array. A machine is the first that
 * recognizes it, so a careful profile stands behind those that ask for more.
 *
 * Costs are those of one machine or estimates, as each file says. Measure on the device before trusting them,
 * and override them in a profile of your own. None sets `minOrt`, `threads` or `memoryBytes`: they belong to
 * one device rather than to a kind of processor.
 */
import { arm64 } from "./devices/arm64.js";
import { arm64DotProduct } from "./devices/arm64-dotprod.js";
import { generic } from "./devices/generic.js";
import { wasm } from "./devices/wasm.js";
import { x64Avx2 } from "./devices/x64-avx2.js";
import { x64Vnni } from "./devices/x64-vnni.js";
import type { TargetProfile } from "./profile.js";
import type { RegisteredTarget } from "./registered-target.js";

export const TARGETS: readonly RegisteredTarget[] = [generic, x64Vnni, x64Avx2, arm64DotProduct, arm64, wasm];

export const PROFILES: readonly TargetProfile[] = TARGETS.map(({ profile }) => profile);

/** Names of the profiles whose kernels saturate, which `--emulate` takes. */
export const SATURATING: readonly string[] = PROFILES.filter(
  ({ weightRange }) => weightRange === "pair-guard",
).map(({ name }) => name);

export { GENERIC } from "./devices/generic.js";
