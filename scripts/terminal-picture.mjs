/**
 * Draws what edgec really prints as an SVG. In a folder with the files named:
 * node <edgec>/scripts/terminal-picture.mjs demo.svg -- compress resnet.onnx --prune 0.3 --int8 --calib calib.npz --eval eval.npz
 * Understands the colours and styles that chalk writes; anything else is printed as it is.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const separator = process.argv.indexOf("--");
const [output] = process.argv.slice(2, separator);
const words = process.argv.slice(separator + 1);
const cli = fileURLToPath(new URL("../bin/edgec.js", import.meta.url));
const run = spawnSync(process.execPath, [cli, ...words], { encoding: "utf8", env: { ...process.env, FORCE_COLOR: "1", COLUMNS: "110" } });
if (run.status !== 0) throw new Error(`the command failed: ${run.stderr}`);
if (run.stdout.includes("The machine was busy")) throw new Error("the machine was busy while the models were timed: draw the picture again on a quiet one");

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

const prompt = `\u001b[32m$\u001b[39m \u001b[1medgec ${words.join(" ")}\u001b[22m\n\n`;
const lines = `${prompt}${run.stdout}`.trimEnd().split("\n").flatMap(wrap);
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
