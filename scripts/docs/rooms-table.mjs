/** The rooms of src/ and what each may import, from the list that the import rules are made of. */
import rooms from "../rooms.mjs";
import { code, table } from "./table.mjs";

export function roomsTable() {
  return table(
    ["room", "what is in it", "may import"],
    rooms.map(({ room, may, holds }) => [code(room), holds, may.map(importText).join(", ") || "nothing"]),
  );
}

function importText(name) {
  return name.startsWith("type:") ? `types of ${code(name.slice("type:".length))}` : code(name);
}
