/** Every device profile with its costs. */
import { TARGETS } from "../../build/index.js";
import { code, table } from "./table.mjs";

export function targetList() {
  const profiles = Object.values(TARGETS);
  const list = (values) => [values].flat().join(", ");
  const rows = profiles.map(({ name, description, weightRange, activations, formats }) => [
    code(name),
    description,
    list(activations),
    weightRange,
    list(formats),
  ]);
  const costs = Object.keys(profiles[0].costs).map((cost) => [
    code(cost),
    ...profiles.map((profile) => profile.costs[cost]),
  ]);
  return [
    table(["target", "processors", "activations", "range of weights", "formats"], rows),
    table(["cost", ...profiles.map(({ name }) => code(name))], costs),
  ].join("\n\n");
}
