/**
 * Draws what a command really prints as an SVG: node scripts/terminal-picture.mjs docs/demo.svg -- node bin/edgec.js demo
 * Understands the colours and styles that chalk writes; anything else is printed as it is.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const separator = process.argv.indexOf("--");
const [output] = process.argv.slice(2, separator);
const command = process.argv.slice(separator + 1);
const run = spawnSync(command[0], command.slice(1), { encoding: "utf8", env: { ...process.env, FORCE_COLOR: "1", COLUMNS: "110" } });
if (run.status !== 0) throw new Error(`the command failed: ${run.stderr}`);

const COLOURS = { 30: "#484f58", 31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 34: "#58a6ff", 35: "#bc8cff", 36: "#39c5cf", 37: "#c9d1d9", 90: "#8b949e" };
const SIZE = { character: 8.4, line: 19, margin: 18, bar: 34 };
const MAX_COLUMNS = 120;

const escapeXml = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** One line of ANSI text as styled tspans; long lines are wrapped by the caller. */
function spans(line) {
  let style = {};
  return line.split(/(\u001b\[[\d;]*m)/).map((part) => {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part);
    if (!codes) return part === "" ? "" : `<tspan fill="${style.colour ?? "#c9d1d9"}"${style.bold ? ' font-weight="bold"' : ""}${style.dim ? ' opacity="0.65"' : ""}>${escapeXml(part)}</tspan>`;
    for (const code of codes[1].split(";").map(Number)) {
      if (code === 0) style = {};
      else if (code === 1) style.bold = true;
      else if (code === 2) style.dim = true;
      else if (code === 22) style = { colour: style.colour };
      else if (code === 39) delete style.colour;
      else if (COLOURS[code]) style.colour = COLOURS[code];
    }
    return "";
  }).join("");
}

function wrap(line) {
  const plain = line.replace(/\u001b\[[\d;]*m/g, "");
  if (plain.length <= MAX_COLUMNS) return [line];
  const cut = plain.lastIndexOf(" ", MAX_COLUMNS);
  return [plain.slice(0, cut), ...wrap(`    ${plain.slice(cut + 1)}`)];
}

const lines = run.stdout.trimEnd().split("\n").flatMap(wrap);
const width = Math.ceil(Math.max(...lines.map((line) => line.replace(/\u001b\[[\d;]*m/g, "").length)) * SIZE.character + 2 * SIZE.margin);
const height = SIZE.bar + lines.length * SIZE.line + 2 * SIZE.margin;
const dots = ["#ff5f56", "#ffbd2e", "#27c93f"].map((fill, k) => `<circle cx="${20 + k * 20}" cy="18" r="6" fill="${fill}"/>`).join("");
const text = lines.map((line, k) => `<text x="${SIZE.margin}" y="${SIZE.bar + SIZE.margin + (k + 0.7) * SIZE.line}" xml:space="preserve">${spans(line)}</text>`).join("\n");
writeFileSync(output, `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>${dots}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">
${text}
</g>
</svg>
`);
