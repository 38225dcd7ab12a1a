/** Tables in Markdown. */
export const code = (text) => `\`${text}\``;

/** In a cell, where a bar would end it. */
export const escaped = (text) => text.replaceAll("|", "\\|");

export function table(heading, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(heading), `|${heading.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
