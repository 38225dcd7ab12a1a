/**
 * Starts a new pass: its file, its line in the registry, a unit test, and a golden case where the project
 * has them. What is written builds and passes its tests, and changes no model yet.
 *
 * npm run new-pass -- shrink-things                 src/passes/graph/shrink-things.ts
 * npm run new-pass -- shrink-things --kind prune    src/passes/prune/shrink-things.ts
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: { kind: { type: "string", default: "graph" } },
  allowPositionals: true,
});
const [name = ""] = positionals;
const { kind } = values;
const identifier = name.replaceAll(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const typeName = identifier.charAt(0).toUpperCase() + identifier.slice(1);

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(name))
  end(`Give the pass a name of a verb and an object with a hyphen between, such as "fold-constants".`);
if (!existsSync(`src/passes/${kind}`)) end(`There is no folder src/passes/${kind}. Choose one that exists.`);
if (existsSync(`src/passes/${kind}/${name}.ts`)) end(`src/passes/${kind}/${name}.ts exists already.`);

write(
  `src/passes/${kind}/${name}.ts`,
  `/**
 * ${name}: what it does, in a line.
 *
 *   before        →        after
 *
 * What it handles, what it does not, and why. Source of the method.
 */
import { GraphEditor } from "../../ir/index.js";
import { definePass } from "../define-pass.js";

export interface ${typeName}Options {
  /** Operator types to leave as they are. */
  readonly skip: readonly string[];
}

export const ${identifier} = definePass<${typeName}Options>({
  name: "${name}",
  description: "says what it does to a model",
  lossy: false,
  defaults: { skip: [] },
  run(model, { skip }) {
    let changed = 0;
    for (const editor of GraphEditor.forModel(model)) {
      for (const node of [...editor.graph.nodes]) {
        if (skip.includes(node.opType)) continue;
        // Change the graph through the editor here, and count.
        changed += 0;
      }
    }
    return { modified: changed > 0, stats: { nodesChanged: changed }, nodes: [], diagnostics: [] };
  },
});
`,
);
write(
  `test/passes/${kind}/${name}.test.ts`,
  `import { describe, expect, it } from "vitest";
import { makeNode } from "../../../src/ir/index.js";
import { ${identifier} } from "../../../src/passes/${kind}/${name}.js";
import { CONTEXT } from "../../support/running.js";
import { tiny } from "../../support/tiny-models.js";

describe("${name}", () => {
  it("leaves alone what it does not know", async () => {
    const model = tiny([makeNode("Relu", ["x"], ["y"])]);
    const result = await ${identifier}().run(model, CONTEXT);
    expect(result.modified).toBe(false);
    expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Relu"]);
  });
});
`,
);
if (existsSync("test/golden"))
  write(
    `test/golden/${name}/other-operator-stays.txt`,
    `The pass knows nothing of Neg.
=== before
model ir=8 ai.onnx=17
graph g {
  input %x: f32[2]
  %y = Neg(%x)
  output %y: f32[2]
}
=== after
unchanged
`,
  );
register();
const golden = existsSync("test/golden") ? " test/golden" : "";
console.log(`Next: write the pass and its tests (docs/internals/writing-a-pass.md), and give it a place in
src/plan/recipe.ts if it belongs to the main job. Golden cases want one in which it acts. Then run
  npx vitest run test/passes/${kind}/${name}.test.ts${golden} && npm run docs`);

/** Adds the import and the last line of the list. */
function register() {
  const path = "src/plan/registry.ts";
  const before = readFileSync(path, "utf8");
  const importLine = `import { ${identifier} } from "../passes/${kind}/${name}.js";\n`;
  const after = before
    .replace(/(?=import \{ registered)/, importLine)
    .replace(/(?<=\bPASSES\b[^\n]*\[\n[^]*?)(?=^\];)/m, `  registered(${identifier}),\n`);
  if (!after.includes(importLine) || !after.includes(`registered(${identifier}),`))
    end(`${path} does not look as expected. Add the pass to its list by hand.`);
  writeFileSync(path, after);
  console.log(`changed  ${path}`);
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`written  ${path}`);
}

function end(message) {
  console.error(message);
  process.exit(2);
}
