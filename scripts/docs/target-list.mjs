/** Every device profile with its costs. */
import { TARGETS } from "../../dist/index.js";

export function targetList() {
  const profiles = Object.values(TARGETS);
  const costs = Object.keys(profiles[0].costs);
  const list = (values) => [values].flat().join(", ");
  const rows = profiles.map(({ name, description, weightRange, activations, formats }) =>
    ["", `\`${name}\``, description, list(activations), weightRange, list(formats), ""].join(" | ").trim(),
  );
  const figures = costs.map(
    (cost) => `| \`${cost}\` | ${profiles.map((profile) => profile.costs[cost]).join(" | ")} |`,
  );
  return [
    "| target | processors | activations | range of weights | formats |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    `| cost | ${profiles.map(({ name }) => `\`${name}\``).join(" | ")} |`,
    `|---|${profiles.map(() => "---|").join("")}`,
    ...figures,
  ].join("\n");
}
