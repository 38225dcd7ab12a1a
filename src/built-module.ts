/** Where the built form of a module lies, for processes and threads that run it. */
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The built file of a module. Processes and threads run plain JavaScript; when edgec itself runs from its TypeScript
 * sources (in tests), `src/x.ts` stands for `dist/x.js`.
 */
export function builtModule(url: URL): URL {
  const path = fileURLToPath(url);
  if (path.endsWith(".js") && existsSync(path)) return url;
  const at = Math.max(path.lastIndexOf("/src/"), path.lastIndexOf("\\src\\"));
  if (at < 0) return url;
  return pathToFileURL(`${path.slice(0, at + 1)}dist${path.slice(at + 4).replace(/\.ts$/, ".js")}`);
}
