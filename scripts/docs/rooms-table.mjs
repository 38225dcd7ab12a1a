/** The rooms of src/ and what each may import, from the list that the import rules are made of. */
import rooms from "../rooms.mjs";

export function roomsTable() {
  const rows = rooms.map(
    ({ room, may, holds }) => `| \`${room}\` | ${holds} | ${may.map(importText).join(", ") || "nothing"} |`,
  );
  return ["| room | what is in it | may import |", "|---|---|---|", ...rows].join("\n");
}

function importText(name) {
  return name.startsWith("type:") ? `types of \`${name.slice("type:".length)}\`` : `\`${name}\``;
}
