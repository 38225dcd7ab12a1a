/** Formats the list of `edgec targets` for people. */
import { textTable } from "../report/text-table.js";
import { printable } from "../units.js";
import { FORMATS, type Detection, type TargetProfile } from "../targets/index.js";

/** One line per profile, then what "native" means on this machine. */
export function targetsText(profiles: readonly TargetProfile[], native: Detection): string {
  const rows = profiles.map(({ name, activations, weightRange, formats, costs, description }) => [
    name,
    activations.join(", "),
    weightRange,
    formats.length === FORMATS.length ? "all" : formats.join(", "),
    speed(costs.conv),
    speed(costs.depthwiseConv),
    speed(costs.dynamicMatMul),
    description,
  ]);
  const heading = ["target", "activations", "weights", "formats", "Conv", "depthwise", "MatMul", ""];
  return [
    ...textTable([heading, ...rows], [0, 1, 2, 3, 7]),
    "",
    "Conv, depthwise, MatMul: expected speed-up of int8 over float. Use --json for all figures.",
    printable(`native: ${native.profile} (${native.reason})`),
    "",
  ].join("\n");
}

function speed(cost: number): string {
  return `${(1 / cost).toFixed(1)}×`;
}
